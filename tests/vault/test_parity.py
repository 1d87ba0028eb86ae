"""The offline packages build the same tables as the original AutomateDV and dbt-utils.

Needs the originals: WWI_DBT_PACKAGES is the folder with automate_dv/ and dbt_utils/.
"""

import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from config.settings import Settings
from metadata.spec import Catalog, Column, Table
from tests import temporary_datasets
from warehouse.client import connect
from warehouse.raw_tables import DELETE, UPSERT, arrow_schema, raw_layout

from .conftest import VAULT, Row, Sandbox, make_project

ORIGINALS = os.environ.get("WWI_DBT_PACKAGES")

pytestmark = [
    pytest.mark.services,
    pytest.mark.timeout(1800),  # seconds; six builds of the whole vault
    pytest.mark.skipif(
        not ORIGINALS,
        reason="parity not checked: set WWI_DBT_PACKAGES to the folder with automate_dv/ and dbt_utils/",
    ),
]

LAYERS = ("staging", "raw_vault")
# State of each key in each batch: a letter is a state, "-" a delete. Batches in one tuple are
# loaded at once. A-B-A occurs within a load (key 1), across loads (key 2) and around a delete (key 5).
Batch = Mapping[int, str]
LOADS: tuple[tuple[Batch, ...], ...] = (
    ({1: "a", 2: "a", 3: "a", 4: "a", 5: "a", 6: "a"},),
    ({1: "b", 2: "b", 3: "a", 7: "a"}, {1: "a", 4: "0", 7: "b"}, {3: "c", 6: "-"}),
    ({2: "a", 5: "-", 6: "a", 8: "b"}, {4: "a", 5: "a", 7: "-"}),
)
# Generated rows break business rules, so tests are disabled.
NO_TESTS = "\ndata_tests:\n  +enabled: false\n"
TEXTS = ("", "a", "A", " a ", "it's", "a\nb", "a||b", "~", "1:a,", "é€😀", "^^", "\\")


@pytest.fixture
def twins(settings: Settings) -> Iterator[list[Settings]]:
    """Return settings with separate datasets for the two builds."""
    prefixes = [temporary_datasets.new_prefix(settings, "parity") for _ in range(2)]
    both = [settings.model_copy(update={"dataset_prefix": prefix}) for prefix in prefixes]
    with temporary_datasets.datasets(both[0]), temporary_datasets.datasets(both[1]):
        yield both


def test_both_package_sets_build_the_same_vault(
    twins: list[Settings],
    catalog: Catalog,
    offline: Path,
    tmp_path: Path,
) -> None:
    models = tmp_path / "models"
    for layer in LAYERS:
        shutil.copytree(VAULT / "models" / layer, models / layer)
    tables = [table for table in catalog.tables if (models / "staging" / f"{table.stage_name}.sql").exists()]
    sandboxes = []
    for number, (twin, packages_dir) in enumerate(zip(twins, (offline, Path(ORIGINALS or "")), strict=True)):
        home = tmp_path / f"home_{number}"  # separate, since the parsed project is kept there
        home.mkdir()
        (home / "services").symlink_to(twin.home / "services", target_is_directory=True)
        own = twin.model_copy(update={"home": home})
        project = make_project(tmp_path / f"project_{number}", models, packages_dir)
        with (project / "dbt_project.yml").open("a") as settings_file:
            settings_file.write(NO_TESTS)
        sandboxes.append(Sandbox(connect(own), own, project, tmp_path))
    ours, theirs = (loads_of(sandbox, tables) for sandbox in sandboxes)
    compared = 0
    for number, (our_tables, their_tables) in enumerate(zip(ours, theirs, strict=True), start=1):
        assert our_tables.keys() == their_tables.keys()
        for name, rows in our_tables.items():
            assert rows == their_tables[name], f"{name} differs after load {number}"
            compared += bool(rows)
    assert compared > len(LOADS) * len(tables) * 3


def loads_of(sandbox: Sandbox, tables: list[Table]) -> Iterator[dict[str, list[str]]]:
    """Yield all staging and raw vault tables after each load."""
    sandbox.create_tables([raw_layout(sandbox.settings, table) for table in tables])
    number = 0
    for batches in LOADS:
        for batch in batches:
            number += 1
            sandbox.deliver(number, {table.raw_name: rows_of(table, batch) for table in tables})
        sandbox.build(*LAYERS)
        yield {**sandbox.snapshot("staging"), **sandbox.snapshot("raw_vault")}


def rows_of(table: Table, batch: Batch) -> pa.Table:
    """Return the rows of a batch with change_type, without other system columns."""
    kinds = arrow_schema(table)
    fields = [kinds.field(column.name) for column in table.loaded_columns]
    schema = pa.schema([*fields, pa.field("change_type", pa.string())])
    rows = []
    for key, state in batch.items():
        row: Row = {"change_type": DELETE if state == "-" else UPSERT}
        for column in table.loaded_columns:
            if state != "-" or column.name in table.primary_key:
                row[column.name] = value(table, column, kinds.field(column.name).type, key, state)
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=schema)


def value(table: Table, column: Column, kind: pa.DataType, key: int, state: str) -> Any:
    """Return a value that depends only on column, key and state; state "0" is NULL if allowed."""
    if column.name in table.primary_key:
        return key if pa.types.is_integer(kind) else f"key {key}"
    seed = zlib.crc32(f"{table.qualified} {column.name} {key} {state}".encode())
    if state == "0" or seed % 7 == 0:
        return None
    number = seed % 1000
    if pa.types.is_decimal(kind):
        return Decimal(number).scaleb(-kind.scale)
    if pa.types.is_timestamp(kind):
        return datetime(2013, 1, 1, 0, 0, 0, number)
    made: dict[Any, Any] = {
        pa.int64(): number % 9,
        pa.float64(): number / 7,
        pa.string(): TEXTS[number % len(TEXTS)],
        pa.binary(): number.to_bytes(2),
        pa.bool_(): number % 2 == 0,
        pa.date32(): date.fromordinal(735000 + number),
    }
    return made[kind]
