"""Refuse a build that would leave tables of the vault incomplete, or mix two versions of the hash rules."""

from collections.abc import Collection, Mapping, Sequence

from config.errors import PermanentError
from transform.loading.vault_models import VaultModel

NAMED_DIFFERENCES = 2
Columns = Mapping[tuple[str, str], Collection[str]]  # (dataset, table): columns in lower case


def check_full_refresh(models: Sequence[VaultModel], selected: Collection[str]) -> None:
    """Raise PermanentError for a full refresh of some models only.

    Stages hold only pending batches, so the other tables would not match.
    """
    chosen = [each for each in models if each.id in selected]
    if chosen and len(chosen) < len(models):
        raise PermanentError(
            f"--full-refresh selects {len(chosen)} of the {len(models)} models of staging, raw vault, points "
            "in time and bridges; the other tables would not match. Run it without --select, or select none "
            "of these models."
        )


def check_hash_version(versions: Collection[int], present: int) -> None:
    """Raise PermanentError if the vault has keys of another version of the hash rules (docs/hashing.md)."""
    for version in sorted(versions):
        if version != present:
            raise PermanentError(
                f"The vault was hashed with version {version} of the hash rules, but this build uses version "
                f"{present}: keys would not match. Run `wwi rebuild --force`, which rebuilds the vault from "
                "raw, or use the release that built the vault."
            )


def check_tables(
    models: Sequence[VaultModel], existing: Columns, with_loaded_rows: Collection[VaultModel]
) -> None:
    """Raise PermanentError if a table is missing or lacks a column, which a load would not fill.

    `models`: those that keep their rows. The table of a new source table is created by its first load, so
    only models `with_loaded_rows`, which have rows in loaded batches, must have a table.
    """
    differences = []
    for model in models:
        columns = existing.get((model.dataset, model.table))
        lacking = [name for name in model.columns if columns is not None and name not in columns]
        if columns is None and model in with_loaded_rows:
            differences.append(f"{model.table} is missing")
        elif lacking:
            differences.append(f"{model.table} lacks column {', '.join(lacking)}")
    if not differences:
        return
    others = len(differences) - NAMED_DIFFERENCES
    raise PermanentError(
        f"The raw vault does not match its models: {'; '.join(differences[:NAMED_DIFFERENCES])}"
        f"{f'; and {others} more' if others > 0 else ''}. Run `wwi build --full-refresh`, which rebuilds "
        "them with their history."
    )
