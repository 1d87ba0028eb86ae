"""Read the YAML under metadata/ into a Catalog, or report every issue at once.

tables/<schema>/<table>.yml   one source table: columns, keys, and its mapping to the vault
hubs.yml                      the business concepts and their keys
shared_columns.yml            descriptions of columns that many tables have
"""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from metadata.check import find_issues
from metadata.check_vault import HUBS_FILE
from metadata.errors import Issue, MetadataError
from metadata.mappings import Hub, Spec
from metadata.reading import explain, read_yaml
from metadata.spec import Catalog, Table

METADATA_DIR = Path(__file__).parent
SHARED_FILE = "shared_columns.yml"

Built = TypeVar("Built", bound=Spec)


def load_catalog(folder: Path = METADATA_DIR) -> Catalog:
    """Return the catalog described by the YAML in `folder`.

    Raises MetadataError, which lists every issue with its file, key and fix.
    """
    issues: list[Issue] = []
    shared = read_yaml(folder, SHARED_FILE, issues) or {}
    tables = {
        f"{path.parent.name}.{path.stem}": _table(folder, path, shared, issues)
        for path in sorted(folder.glob("tables/*/*.yml"))
    }
    raw_hubs = read_yaml(folder, HUBS_FILE, issues)
    hubs = {name: _hub(name, raw, issues) for name, raw in (raw_hubs or {}).items()}
    catalog = Catalog(tables=tuple(filter(None, tables.values())), hubs=tuple(filter(None, hubs.values())))
    broken = {name for name, built in (tables | hubs).items() if built is None}
    if raw_hubs is None:
        broken |= {hub for table in catalog.tables if table.vault for hub in table.vault.hubs}
    issues += find_issues(catalog, frozenset(broken))
    if issues:
        raise MetadataError(issues)
    return catalog


def _hub(name: str, raw: object, issues: list[Issue]) -> Hub | None:
    return _build(Hub, {"name": name, **_mapping(raw)}, HUBS_FILE, name, issues)


def _table(folder: Path, path: Path, shared: dict[str, Any], issues: list[Issue]) -> Table | None:
    """Read one table; its schema and name come from the path, and keys become `name` fields of items."""
    file = path.relative_to(folder).as_posix()
    raw = read_yaml(folder, file, issues)
    if raw is None:
        return None
    columns = [
        {"description": shared[column["name"]], **column} if column["name"] in shared else column
        for column in _named(raw.get("columns"), "name")
    ]
    raw = {**raw, "schema_name": path.parent.name, "name": path.stem, "columns": columns}
    vault = raw.get("vault")
    if isinstance(vault, dict) and "satellites" in vault:
        raw["vault"] = {**vault, "satellites": _named(vault["satellites"], "topic")}
    return _build(Table, raw, file, "", issues)


def _named(raw: object, name_key: str) -> list[dict[str, Any]]:
    """Convert {a: {..}, b: {..}} to [{name_key: a, ..}, {name_key: b, ..}]."""
    return [{name_key: name, **_mapping(item)} for name, item in _mapping(raw).items()]


def _mapping(raw: object) -> dict[str, Any]:
    return {str(key): value for key, value in raw.items()} if isinstance(raw, dict) else {}


def _build(
    spec: type[Built], raw: dict[str, Any], file: str, under: str, issues: list[Issue]
) -> Built | None:
    try:
        return spec.model_validate(raw)
    except ValidationError as error:
        issues += explain(error, spec, raw, file, under)
        return None
