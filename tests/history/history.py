"""The small warehouse of the suite: its tables, the order of loads, and the resulting vault."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from config.settings import Settings
from metadata.codegen import generate
from tests.vault.conftest import VAULT, Row, Sandbox, make_project
from transform import packages
from warehouse.client import connect
from warehouse.queries import execute
from warehouse.raw_tables import raw_layout

from . import scenarios as s
from .deliveries import as_arrow, catalog, rows_of
from .scenarios import Scenario

Vault = dict[str, list[Row]]
PLAIN_MODELS = Path(__file__).parent / "plain"
EMPTY_LOAD = 8
REPLAYED_LOADS = (2, 6, 7)


def our_project(folder: Path, packages_dir: Path) -> Path:
    """Create a dbt project with our macros and models generated from the suite's metadata."""
    generate.write(folder / "models", generate.generated_files(catalog()))
    project = make_project(folder / "project", folder / "models", packages_dir)
    shutil.copytree(VAULT / "tests", project / "tests")
    return project


def plain_project(folder: Path, packages_dir: Path) -> Path:
    """Create a dbt project with AutomateDV's structures and default settings."""
    project = folder / "project"
    shutil.copytree(PLAIN_MODELS, project)
    for name in ("profiles.yml", "packages.yml", "macros/generate_schema_name.sql"):
        shutil.copy(VAULT / name, project / name)
    packages.install(project, packages_dir)
    return project


def warehouse(settings: Settings, project: Path, folder: Path) -> Sandbox:
    """Create a warehouse with empty raw tables and the ledger."""
    sandbox = Sandbox(connect(settings), settings, project, folder)
    sandbox.create_tables([raw_layout(settings, table) for table in catalog().tables])
    return sandbox


def load_raw(
    sandbox: Sandbox, load: int | str, scenarios: Iterable[Scenario], *, whole_groups: bool = False
) -> None:
    """Load the rows of a load into raw, without completing it."""
    rows = rows_of(scenarios, load, whole_groups=whole_groups)
    tables = {
        table.raw_name: as_arrow(table, rows[table.name]) for table in catalog().tables if rows[table.name]
    }
    batch, _, again = str(load).partition(" ")
    sandbox.load_raw(int(batch), tables, part=again)


def vault_of(sandbox: Sandbox) -> Vault:
    """Return all tables of the raw vault."""
    names = sandbox.query("select distinct table_name as name from {raw_vault}.INFORMATION_SCHEMA.COLUMNS")
    return {row["name"]: sandbox.rows("raw_vault", row["name"]) for row in names}


def run_loads(
    sandbox: Sandbox, scenarios: Sequence[Scenario], *, whole_groups: bool = False, marks_loads: bool = True
) -> Mapping[str, Vault]:
    """Run all loads, load 5 late; then some again; then all at once. Return the vault at each stage.

    `marks_loads`: the vault records which batches it has loaded; otherwise this function does.
    """
    for loads in s.ARRIVALS:
        for load in loads:
            load_raw(sandbox, load, scenarios, whole_groups=whole_groups)
            sandbox.complete(load)
        _build(sandbox, marks_loads)
    vaults = {s.LOADED: vault_of(sandbox)}
    load_raw(sandbox, s.AGAIN, scenarios, whole_groups=whole_groups)
    sandbox.complete(EMPTY_LOAD)
    sandbox.forget_loads(f"batch_id in {REPLAYED_LOADS}")
    _build(sandbox, marks_loads)
    vaults[s.REPLAYED] = vault_of(sandbox)
    sandbox.build(full_refresh=True)
    vaults[s.AT_ONCE] = vault_of(sandbox)
    return vaults


def _build(sandbox: Sandbox, marks_loads: bool) -> None:
    sandbox.build()
    if not marks_loads:
        audit = sandbox.settings.dataset("audit")
        execute(
            sandbox.client,
            f"insert into {audit}.vault_loads (batch_id, load_dts) select batch_id, load_dts from "
            f"{audit}.batches where batch_id not in (select batch_id from {audit}.vault_loads)",
        )


def same_rows(vault: Vault) -> dict[str, list[str]]:
    """Return the tables with their rows as sorted texts, to compare two vaults."""
    return {name: sorted(repr(sorted(row.items())) for row in rows) for name, rows in vault.items()}
