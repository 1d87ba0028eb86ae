"""A load reads only the key ranges that its batch touches, and builds the same vault as a full scan."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from google.cloud.bigquery import SchemaField

from config.errors import PermanentError
from config.settings import Settings
from transform.dry_run import dry_run
from warehouse.client import connect
from warehouse.tables import TableLayout

from .conftest import Sandbox, make_project

pytestmark = pytest.mark.services

RAW_TABLE = "test__parcels"
RAW_SCHEMA = pa.schema(
    {"parcel_id": pa.int64(), "depot_id": pa.int64(), "state": pa.string(), "change_type": pa.string()}
)
WIDTH = 10_000  # numbers per partition, as key_range of the project
FAR = 3 * WIDTH + 1  # a depot in another partition
MANY = [number * WIDTH + 7 for number in range(1, 130)]
# batch -> parcel -> (state, depot); batches in one tuple are loaded at once. Old parcels change and change
# back, alone and among new ones; a batch is empty; one touches more ranges than a condition lists. Parcels
# move to another depot and back, and to none; the far depot is loaded after a parcel that refers to it.
Batch = Mapping[int | None, tuple[str, int | None]]
LOADS: tuple[tuple[Batch, ...], ...] = (
    ({1: ("a", 1), 2: ("a", 1), WIDTH - 1: ("a", 1), WIDTH: ("a", 1), -5: ("a", 1)},),
    ({2: ("b", 1), 2 * WIDTH + 5: ("b", FAR), None: ("a", 1)},),
    ({2: ("a", FAR), WIDTH: ("b", 1)}, {2: ("a", 1), WIDTH - 1: ("a", 1), -5: ("b", None)}),
    ({},),
    (dict.fromkeys(MANY, ("a", 1)),),
    ({2: ("a", 1), 50 * WIDTH + 7: ("b", FAR), 10**9: ("a", 1)},),
)
# partial builds of the last load: without the stage, which still has the load before; point-in-time table and
# bridge lack a table
WITHOUT_STAGE = ("hub_parcel", "link_parcel_depot", "sat_parcel__state")
PART = ("stg_wwi__parcels", "sat_parcel__state+", "eff_sat_parcel_depot+")
LATE = 3
FIRST_OF_LAST_LOAD = 7
Vault = dict[str, list[str]]  # raw vault, point-in-time table and bridge: table -> rows


@dataclass(frozen=True)
class Loaded:
    """The vault after all loads, after repeated loads, and rebuilt; and the SQL of the last load.

    Parts of the vault had the last load before the whole did.
    `again`: the last load came twice; `late`: a batch came after all that are newer.
    """

    vault: Vault
    again: Vault
    late: Vault
    rebuilt: Vault
    statements: Mapping[str, str]
    sandbox: Sandbox


@pytest.fixture(scope="module")
def loaded(settings: Settings, offline: Path, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """Load all batches."""
    folder = tmp_path_factory.mktemp("ranges")
    project = make_project(folder / "project", Path(__file__).parent / "ranges_project", offline)
    sandbox = Sandbox(connect(settings), settings, project, folder)
    sandbox.create_tables([raw_layout(settings)])
    number = 0
    for batches in LOADS:
        for batch in batches:
            number += 1
            sandbox.deliver(number, {RAW_TABLE: rows_of(batch)})
        if batches is LOADS[-1]:
            sandbox.build(*WITHOUT_STAGE)
            sandbox.build(*PART)
        sandbox.build()
    vault = vault_of(sandbox)
    compiled = settings.home / "dbt" / "target" / "compiled"
    statements = {path.stem: path.read_text() for path in compiled.rglob("*/models/*_vault/*.sql")}
    sandbox.forget_loads(f"batch_id >= {FIRST_OF_LAST_LOAD}")
    sandbox.build()
    again = vault_of(sandbox)
    sandbox.forget_loads(f"batch_id = {LATE}")
    sandbox.build()
    late = vault_of(sandbox)
    sandbox.build(full_refresh=True)
    return Loaded(vault, again, late, vault_of(sandbox), statements, sandbox)


def vault_of(sandbox: Sandbox) -> Vault:
    """Return the content of raw vault and business vault."""
    return sandbox.snapshot("raw_vault") | sandbox.snapshot("business_vault")


def raw_layout(settings: Settings) -> TableLayout:
    """Return the raw table as created by ingestion."""
    kinds = {"parcel_id": "INT64", "depot_id": "INT64", "state": "STRING", "change_type": "STRING",
             "batch_id": "INT64", "load_dts": "TIMESTAMP", "record_source": "STRING"}  # fmt: skip
    table_id = f"{settings.project}.{settings.dataset('raw')}.{RAW_TABLE}"
    fields = tuple(SchemaField(name, kind) for name, kind in kinds.items())
    return TableLayout(table_id, fields, partition_by="load_dts", cluster_by=("parcel_id",))


def rows_of(batch: Batch) -> pa.Table:
    """Return the raw rows of a batch."""
    rows = [
        {"parcel_id": parcel, "state": state, "depot_id": depot, "change_type": "upsert"}
        for parcel, (state, depot) in batch.items()
    ]
    return pa.Table.from_pylist(rows, schema=RAW_SCHEMA)


def test_the_vault_equals_a_full_load(loaded: Loaded) -> None:
    assert loaded.vault == loaded.rebuilt
    states = len([batch for load in LOADS for each in load for batch in each if batch is not None])
    assert len(loaded.vault["sat_parcel__state"]) == states - 3  # three were unchanged
    assert len(loaded.vault["hub_parcel"]) == 6 + len(MANY) + 1
    assert len(loaded.vault["pit_parcel"]) == states - 2  # one was unchanged but at another depot


def test_a_late_batch_gives_the_same_vault(loaded: Loaded) -> None:
    assert loaded.late == loaded.vault


def test_a_repeated_batch_changes_nothing(loaded: Loaded) -> None:
    assert loaded.again == loaded.vault


def test_a_bridge_has_each_relationship_with_its_load_time(loaded: Loaded) -> None:
    depots: dict[int, list[int | None]] = {}
    for row in loaded.sandbox.query("select * from {business_vault}.bridge_parcel order by load_dts"):
        depots.setdefault(row["parcel_id"], []).append(row["depot_id"])
    assert depots == {
        **{parcel: [1] for parcel in (1, WIDTH - 1, WIDTH, 10**9, *MANY)},
        2: [1, FAR, 1],
        -5: [1, None],
        2 * WIDTH + 5: [None],  # its depot was unknown then
        50 * WIDTH + 7: [1, FAR],
    }


def test_a_bridge_reads_only_touched_ranges_of_a_growing_hub(loaded: Loaded) -> None:
    sql = loaded.statements["bridge_parcel"]
    assert f"depot_id between 1 and 1 or depot_id between {FAR} and {FAR}" in sql


@pytest.mark.parametrize(
    "model", ["hub_parcel", "link_parcel_depot", "sat_parcel__state", "pit_parcel", "bridge_parcel"]
)
def test_only_key_ranges_of_the_batch_are_read_from_the_target(loaded: Loaded, model: str) -> None:
    sql = loaded.statements[model]
    assert (
        "parcel_id between 2 and 2 or parcel_id between 500007 and 500007 "
        "or parcel_id between 1000000000 and 1000000000" in sql
    )
    table = re.escape(f"`{model}`")
    assert len(re.findall(rf"{table} where parcel_id", sql)) == len(re.findall(table, sql)) == 1


def test_schema_differences_of_an_older_vault_are_reported_first(loaded: Loaded) -> None:
    """A vault of an older release, whose links and satellites lack the number, gets the same message."""
    number = "number_of_customer_transaction"
    models = ", ".join(f"{{name: {model}, columns: [{{name: {number}}}]}}" for model in (
        "hub_parcel", "link_parcel_depot", "sat_parcel__state", "eff_sat_parcel_depot",
    ))  # fmt: skip
    (loaded.sandbox.project / "models" / "raw_vault" / "_models.yml").write_text(f"models: [{models}]")
    expected = (
        rf"lacks column {number}; .* lacks column {number}; and 2 more\. Run `wwi build --full-refresh`,"
    )
    with pytest.raises(PermanentError, match=expected):
        dry_run(loaded.sandbox.settings, vault_dir=loaded.sandbox.project)
