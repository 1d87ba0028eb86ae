"""A rebuild recreates vault and marts from raw, compares them table by table and swaps them, even if killed.

The tests use a small vault with the project's own macros: a hub, a satellite, a type 2 dimension and its
masked view, loaded by three batches and builds. tests/flows/test_main_line.py rebuilds the whole platform.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from google.cloud.bigquery import AccessEntry, Dataset, SchemaField

from audit.verification.content import describe
from config.errors import PermanentError
from config.settings import Settings
from operations import shadow_datasets
from operations.rebuild import RebuildReport, rebuild
from tests import temporary_datasets
from tests.vault.conftest import Sandbox, make_project
from transform.dbt_invocation import dbt_environment
from transform.packages import VAULT_DIR
from warehouse.client import connect
from warehouse.ledger import rebuilds
from warehouse.queries import execute
from warehouse.tables import TableLayout, ensure_table

pytestmark = pytest.mark.services

RAW_TABLE = "test__goods"
PROJECT = Path(__file__).parent / "rebuild_project"
TABLES = {
    ("raw_vault", "hub_goods"),
    ("raw_vault", "sat_goods__details"),
    ("business_vault", "bv_batch"),
    ("marts", "dim_goods"),
    ("marts", "dim_goods_unmasked"),
}
# {batch: {goods_id: (name, price)}}: new, changed, changed back, new after changed
DELIVERIES: Mapping[int, Mapping[int, tuple[str, str]]] = {
    1: {1: ("mug", "1.50"), 2: ("pen", "0.70"), 3: ("", "0.00")},
    2: {2: ("Pen", "0.70"), 4: ("cup", "2.00")},
    3: {1: ("mug", "1.75"), 2: ("pen", "0.70"), 5: ("hat", "9.99")},
}
# a rebuild that is killed after it has filled the vault and before it fills the marts
KILLED_AT_THE_MARTS = """
import os, signal, sys
from pathlib import Path
from operations.rebuild import rebuild
from operations import swap
from config.settings import Settings

fill = swap.refill

def refill(client, live, side, layer, tables):
    if layer == "marts":
        os.kill(os.getpid(), signal.SIGKILL)
    fill(client, live, side, layer, tables)

swap.refill = refill
rebuild(Settings(_env_file=None), force=True, vault_dir=Path(sys.argv[1]))
"""


def deliver(vault: Sandbox, batch: int, goods: Mapping[int, tuple[str, str]]) -> None:
    """Load a batch into raw, with an applied time as in every real batch."""
    rows = pa.table(
        {
            "goods_id": pa.array(goods, pa.int64()),
            "name": [name for name, _ in goods.values()],
            "price": pa.array([Decimal(price) for _, price in goods.values()], pa.decimal128(18, 2)),
            "change_type": ["upsert"] * len(goods),
        }
    )
    vault.deliver(batch, {RAW_TABLE: rows})
    audit = vault.settings.dataset("audit")
    clock = f"update {audit}.batches set applied_dts = datetime(load_dts) where batch_id = {batch}"
    execute(vault.client, clock)


@pytest.fixture(scope="module")
def vault(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A vault with three batches, and a build after each."""
    folder = tmp_path_factory.mktemp("rebuild")
    project = make_project(folder / "project", PROJECT, VAULT_DIR / "offline")
    (project / "models" / "business_vault").mkdir(exist_ok=True)
    shutil.copy(VAULT_DIR / "models" / "business_vault" / "bv_batch.sql", project / "models/business_vault")
    sandbox = Sandbox(connect(settings), settings, project, folder)
    fields = {
        "goods_id": "INT64", "name": "STRING", "price": "NUMERIC", "batch_id": "INT64",
        "load_dts": "TIMESTAMP", "record_source": "STRING", "change_type": "STRING",
    }  # fmt: skip
    table_id = f"{settings.project}.{settings.dataset('raw')}.{RAW_TABLE}"
    schema = tuple(SchemaField(name, kind) for name, kind in fields.items())
    with temporary_datasets.datasets(shadow_datasets.shadow_settings(settings), parts=()):
        sandbox.create_tables([TableLayout(table_id, schema, partition_by="load_dts")])
        for batch, goods in DELIVERIES.items():
            deliver(sandbox, batch, goods)
            sandbox.build()
        yield sandbox
        shadow_datasets.drop(sandbox.client, settings)


def run(vault: Sandbox, **options: bool) -> RebuildReport:
    return rebuild(vault.settings, vault_dir=vault.project, **options)


def state(vault: Sandbox) -> dict[str, dict[str, list[str]]]:
    """Return every row of the live vault and marts."""
    return {layer: vault.snapshot(layer) for layer in ("raw_vault", "business_vault", "marts")}


def shadows(vault: Sandbox) -> set[str]:
    """Return the existing shadow datasets."""
    prefix = shadow_datasets.shadow_settings(vault.settings).dataset_prefix
    listed = vault.client.list_datasets(timeout=30)
    return {found.dataset_id for found in listed if found.dataset_id.startswith(prefix)}


def damage(vault: Sandbox) -> None:
    """Alter a row of a satellite, duplicate one of a hub, delete one of a mart."""
    names = {layer: vault.settings.dataset(layer) for layer in ("raw_vault", "marts")}
    for statement in (
        f"update {names['raw_vault']}.sat_goods__details set name = 'Mug' where price = 1.75",
        f"insert into {names['raw_vault']}.hub_goods (goods_hk, goods_id, load_dts, record_source) "
        f"select goods_hk, goods_id, load_dts, record_source from {names['raw_vault']}.hub_goods "
        "where goods_id = 4",
        f"delete from {names['marts']}.dim_goods_unmasked where goods_id = 5",
    ):
        assert execute(vault.client, statement) == 1, statement


def test_a_rebuild_of_all_batches_at_once_equals_the_loads_one_by_one(vault: Sandbox) -> None:
    """The same is true for the keys of the dimension, which were assigned in 3 builds."""
    before = state(vault)
    report = run(vault, put_in_place=False)
    assert report.different == ()
    assert {(each.layer, each.table) for each in report.tables} == TABLES
    by_name = {each.table: each for each in report.tables}
    found = by_name["dim_goods_unmasked"]
    assert found.live is not None
    assert (found.live, found.live.rows) == (found.rebuilt, 8)
    assert len({each.live.checksum for each in report.tables if each.live}) == len(TABLES)
    assert (report.matches_raw, report.swapped, report.batches) == (True, False, 3)
    assert state(vault) == before
    assert shadows(vault) == set(), "nothing is left behind"
    recorded = vault.query(
        f"select * from {{audit}}.rebuilt_tables where rebuild_id = {report.rebuild_id} and is_equal"
    )
    assert {(row["layer"], row["table_name"], row["live_checksum"]) for row in recorded} == {
        (each.layer, each.table, each.live.checksum) for each in report.tables if each.live
    }
    (row,) = vault.query(f"select * from {{audit}}.rebuilds where rebuild_id = {report.rebuild_id}")
    assert (row["status"], row["batches"], row["tables"], row["tables_different"]) == ("equal", 3, 5, 0)


def test_equal_tables_replace_the_live_ones(vault: Sandbox) -> None:
    before, loads_before = state(vault), vault.rows("audit", "vault_loads")
    report = run(vault, keep_side=True)
    assert (report.different, report.swapped, report.side) == (
        (),
        True,
        shadow_datasets.shadow_settings(vault.settings).dataset_prefix,
    )
    assert state(vault) == before
    after = vault.rows("audit", "vault_loads")
    assert {row["batch_id"] for row in after} == {row["batch_id"] for row in loads_before} == {1, 2, 3}
    assert len({row["invocation_id"] for row in after}) == 1, "one build loaded the vault that is live now"
    assert len(shadows(vault)) == len(shadow_datasets.LAYERS)
    vault.build()
    assert state(vault) == before, "the next build finds nothing to load"
    shadow_datasets.drop(vault.client, vault.settings)


@pytest.mark.proof
def test_each_injected_difference_is_reported_and_the_live_tables_stay(vault: Sandbox) -> None:
    whole = state(vault)
    damage(vault)
    stray = f"{vault.settings.dataset('marts')}.stray"
    execute(vault.client, f"create table {stray} as select 1 as id")
    damaged = state(vault)
    report = run(vault)
    found = {each.table: (each.difference, each.examples) for each in report.different}
    assert set(found) == {"sat_goods__details", "hub_goods", "dim_goods_unmasked", "dim_goods", "stray"}
    difference, examples = found["sat_goods__details"]
    assert difference == "rows differ"
    assert [example.partition(": ")[2] for example in examples] == ["differs in name"]
    assert "Mug" not in str(report), "values may be personal"
    difference, examples = found["hub_goods"]
    assert difference == "live has 1 rows too many"
    assert ", load_dts 2026-01-03" in examples[0]
    assert ", goods_id 4: " in examples[0]
    assert examples[0].endswith(": 2 times in live, 1 times in the rebuilt table")
    difference, examples = found["dim_goods_unmasked"]
    assert difference == "live has 1 rows too few"
    assert "goods_id 5" in examples[0]
    assert examples[0].endswith(": missing in live")
    assert found["stray"] == ("no model builds it", ())
    assert (report.swapped, report.matches_raw) == (False, False)
    assert state(vault) == damaged
    assert len(shadows(vault)) == len(shadow_datasets.LAYERS), "the rebuilt tables are kept"

    execute(vault.client, f"drop table {stray}")
    hub = f"{vault.settings.project}.{vault.settings.dataset('raw_vault')}.hub_goods"
    ensure_table(vault.client, TableLayout(hub, (SchemaField("stray", "STRING"),)))
    forced = run(vault, force=True)
    assert (forced.swapped, forced.matches_raw) == (True, True)
    assert {each.table: each.difference for each in forced.different}["hub_goods"] == (
        "no model has column stray"
    )
    assert state(vault) == whole
    assert shadows(vault) == set()


@pytest.mark.proof
def test_a_rebuild_killed_during_the_swap_is_completed_by_the_next(vault: Sandbox) -> None:
    whole = state(vault)
    damage(vault)
    settings = vault.settings
    environment = dbt_environment(settings) | {"WWI_HOME": str(settings.home)}
    environment.pop("WWI_WAREHOUSE_URL", None)  # found by the file of the local emulator
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AT_THE_MARTS, vault.project],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    half = state(vault)
    assert half["raw_vault"] == whole["raw_vault"]
    assert half["marts"] != whole["marts"]
    begun = rebuilds.open_swap(vault.client, settings)
    assert begun is not None
    with pytest.raises(PermanentError, match=r"rebuild \d+ .* was interrupted .* Run `wwi rebuild`"):
        vault.build()
    report = run(vault)
    assert (report.rebuild_id, report.finished, report.different) == (begun.rebuild_id, True, ())
    assert state(vault) == whole
    assert rebuilds.open_swap(vault.client, settings) is None
    assert shadows(vault) == set()
    vault.build()
    assert state(vault) == whole


def test_a_pending_batch_is_an_error(vault: Sandbox) -> None:
    deliver(vault, 4, {6: ("box", "3.00")})
    with pytest.raises(PermanentError, match=r"batch 4 is not in the vault yet.*Run `wwi build` first"):
        run(vault)
    assert shadows(vault) == set()
    vault.build()


def test_a_dataset_without_the_label_is_never_dropped(vault: Sandbox) -> None:
    name = shadow_datasets.shadow_settings(vault.settings).dataset("marts")
    dataset = Dataset(f"{vault.settings.project}.{name}")
    dataset.location = vault.settings.bigquery_location
    vault.client.create_dataset(dataset, timeout=30)
    try:
        with pytest.raises(PermanentError, match=f"dataset {name} exists and was not created"):
            run(vault)
        assert shadows(vault) == {name}
    finally:
        vault.client.delete_dataset(dataset, delete_contents=True, timeout=30)


def test_readers_of_the_live_dataset_get_no_access_to_the_shadow_dataset() -> None:
    entries = [
        AccessEntry("OWNER", "specialGroup", "projectOwners"),
        AccessEntry("WRITER", "userByEmail", "transformer@example.com"),
        AccessEntry("READER", "userByEmail", "reader@example.com"),
        AccessEntry("roles/bigquery.dataViewer", "groupByEmail", "analysts@example.com"),
        AccessEntry(None, "view", {"projectId": "p", "datasetId": "d", "tableId": "t"}),
    ]
    assert [entry.entity_id for entry in shadow_datasets.writers(entries)] == [
        "projectOwners",
        "transformer@example.com",
    ]


def test_a_changed_row_is_described_by_key_and_columns() -> None:
    rows = [
        {"row_text": '{"id":1,"name":"a","at":1}', "live_rows": 1, "rebuilt_rows": 0},
        {"row_text": '{"id":1,"name":"b","at":2}', "live_rows": 0, "rebuilt_rows": 1},
        {"row_text": '{"id":2,"name":"c","at":1}', "live_rows": 1, "rebuilt_rows": 0},
        {"row_text": '{"id":3,"name":"d","at":1}', "live_rows": 3, "rebuilt_rows": 1},
    ]
    assert describe(rows, ["id"]) == (
        "id 1: differs in name, at",
        "id 2: only in live",
        "id 3: 3 times in live, 1 times in the rebuilt table",
    )
