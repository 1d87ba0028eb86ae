"""Reads the YAML under metadata/ into a Catalog, or says everything that is wrong with it at once.

tables/<schema>/<table>.yml   one source table: columns, keys, and its place in the vault
hubs.yml                      the concepts of the business and their keys
shared_columns.yml            descriptions of columns that many tables have
"""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from metadata.check import HUBS_FILE, find_mistakes
from metadata.errors import MetadataError, Mistake
from metadata.reading import explain, read_yaml
from metadata.spec import Catalog, Hub, HubMapping, Spec, Table

METADATA_DIR = Path(__file__).parent
SHARED_FILE = "shared_columns.yml"

Built = TypeVar("Built", bound=Spec)


def load_catalog(folder: Path = METADATA_DIR) -> Catalog:
    """Return the catalog that the YAML in `folder` describes; the order of reading has no effect.

    Raises MetadataError listing every mistake with its file, its key and what to do about it.
    """
    mistakes: list[Mistake] = []
    broken: set[str] = set()
    shared = read_yaml(folder, SHARED_FILE, mistakes)
    tables, hubs = [], []
    for path in sorted(folder.glob("tables/*/*.yml")):
        raw_table = _raw_table(folder, path, shared, mistakes)
        file = path.relative_to(folder).as_posix()
        table = _build(Table, raw_table, file, "", mistakes)
        tables += [table] if table else []
        broken |= set() if table else {f"{path.parent.name}.{path.stem}"}
    for name, raw in read_yaml(folder, HUBS_FILE, mistakes).items():
        hub = _build(Hub, {"name": name, **_mapping(raw)}, HUBS_FILE, name, mistakes)
        hubs += [hub] if hub else []
        broken |= set() if hub else {name}
    catalog = Catalog(
        tables=tuple(sorted(tables, key=lambda table: table.qualified)),
        hubs=tuple(sorted(hubs, key=lambda hub: hub.name)),
    )
    if any(mistake.file == HUBS_FILE for mistake in mistakes):
        broken |= {table.vault.hub for table in tables if isinstance(table.vault, HubMapping)}
    mistakes += find_mistakes(catalog, frozenset(broken))
    if mistakes:
        raise MetadataError(mistakes)
    return catalog


def _raw_table(folder: Path, path: Path, shared: dict[str, Any], mistakes: list[Mistake]) -> dict[str, Any]:
    """Return one table file as the Table class wants it: names moved from keys into the items."""
    raw = read_yaml(folder, path.relative_to(folder).as_posix(), mistakes)
    raw = {**raw, "schema_name": path.parent.name, "name": path.stem}
    raw["columns"] = [
        {"description": shared.get(name), **column} if name in shared else column
        for column in _named(raw.get("columns"), "name")
        for name in [column["name"]]
    ]
    vault = raw.get("vault")
    if isinstance(vault, dict) and "satellites" in vault:
        raw["vault"] = {**vault, "satellites": _named(vault["satellites"], "topic")}
    return raw


def _named(raw: object, name_key: str) -> list[dict[str, Any]]:
    """Turn {a: {..}, b: {..}} into [{name_key: a, ..}, {name_key: b, ..}]."""
    return [{name_key: name, **_mapping(item)} for name, item in _mapping(raw).items()]


def _mapping(raw: object) -> dict[str, Any]:
    return {str(key): value for key, value in raw.items()} if isinstance(raw, dict) else {}


def _build(
    spec: type[Built], raw: dict[str, Any], file: str, under: str, mistakes: list[Mistake]
) -> Built | None:
    try:
        return spec.model_validate(raw)
    except ValidationError as error:
        mistakes += explain(error, spec, raw, file, under)
        return None
