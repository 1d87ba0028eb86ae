"""Which batches a run loads and marks as loaded, and which runs fail.

One warehouse for all tests, since each build costs seconds: every test delivers a batch of its own.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from google.cloud.bigquery import SchemaField

from config.errors import PermanentError
from config.settings import Settings
from transform.build_report import BuildFailedError
from warehouse.client import connect
from warehouse.ledger.tables import EXTRACTING, LOADING, VOID, insert
from warehouse.queries import execute
from warehouse.tables import TableLayout

from .conftest import Sandbox, load_time, make_project

pytestmark = [pytest.mark.services, pytest.mark.proof]

MODELS = Path(__file__).parent / "loading_project"
RAW_TABLE = "test__things"
SCHEMA = pa.schema(
    {
        "region": pa.string(), "code": pa.string(), "name": pa.string(), "note": pa.string(),
        "amount": pa.decimal128(18, 2), "seen": pa.timestamp("us"), "photo": pa.binary(),
        "is_active": pa.bool_(), "place_id": pa.int64(), "change_type": pa.string(),
    }
)  # fmt: skip
THING = {"region": "a", "code": "b", "amount": Decimal("1.50"), "is_active": True, "place_id": 1}
NEW_SATELLITE = (MODELS / "raw_vault" / "sat_thing__details.sql").read_text()
SOURCES = (MODELS / "staging" / "_sources.yml").read_text()
STAGE = (MODELS / "staging" / "stg_wwi__things.sql").read_text()

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def loaded(settings: Settings, offline: Path, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Return a warehouse with one loaded batch."""
    folder = tmp_path_factory.mktemp("loading")
    project = make_project(folder / "project", MODELS, offline)
    sandbox = Sandbox(connect(settings), settings, project, folder)
    with pytest.raises(PermanentError, match=r"vault_loads.*`wwi ingest`"):
        sandbox.build()
    sandbox.create_tables([raw_layout(settings)])
    deliver(sandbox)
    sandbox.build()
    return sandbox


def raw_layout(settings: Settings, name: str = RAW_TABLE) -> TableLayout:
    """Return a raw table as created by ingestion."""
    kinds = {"region": "STRING", "code": "STRING", "name": "STRING", "note": "STRING", "amount": "NUMERIC",
             "seen": "DATETIME", "photo": "BYTES", "is_active": "BOOL", "place_id": "INT64",
             "change_type": "STRING", "batch_id": "INT64", "load_dts": "TIMESTAMP",
             "record_source": "STRING"}  # fmt: skip
    digits: dict[str, dict[str, Any]] = {"amount": {"precision": 18, "scale": 2}}
    fields = tuple(SchemaField(name, kind, **digits.get(name, {})) for name, kind in kinds.items())
    table_id = f"{settings.project}.{settings.dataset('raw')}.{name}"
    return TableLayout(table_id, fields, partition_by="load_dts", cluster_by=("region", "code"))


def deliver(sandbox: Sandbox) -> int:
    """Load one key with a new state and return the batch number."""
    batch = next(numbers)
    load_raw(sandbox, batch)
    sandbox.complete(batch)
    return batch


def load_raw(sandbox: Sandbox, batch: int, table: str = RAW_TABLE) -> None:
    """Load that key into raw, for a batch that is not completed yet."""
    row = {**THING, "name": f"batch {batch}", "change_type": "upsert"}
    sandbox.load_raw(batch, {table: pa.Table.from_pylist([row], schema=SCHEMA)})


def marked(sandbox: Sandbox) -> list[int]:
    """Return the batches that the ledger marks as loaded."""
    return sorted(row["batch_id"] for row in sandbox.rows("audit", "vault_loads"))


def held(sandbox: Sandbox, layer: str, table: str) -> list[int]:
    """Return the batches with states in a table."""
    return sorted(int(row["name"].removeprefix("batch ")) for row in sandbox.rows(layer, table))


@contextmanager
def changed(file: Path, text: str) -> Iterator[None]:
    """Change a file of the project temporarily."""
    before = file.read_text() if file.exists() else None
    file.write_text(text)
    yield
    if before is None:
        file.unlink()
    else:
        file.write_text(before)


def test_staging_holds_pending_batches_only(loaded: Sandbox) -> None:
    before = marked(loaded)
    batch = deliver(loaded)
    loaded.build()
    assert held(loaded, "staging", "stg_wwi__things") == [batch]
    assert held(loaded, "raw_vault", "sat_thing__details") == marked(loaded) == [*before, batch]


def test_a_batch_that_is_not_completed_is_not_loaded(loaded: Sandbox) -> None:
    before = loaded.snapshot("raw_vault"), marked(loaded)
    for status in (EXTRACTING, LOADING, VOID):
        batch = deliver(loaded)
        table = f"{loaded.settings.dataset('audit')}.batches"
        execute(loaded.client, f"update {table} set status = '{status}' where batch_id = {batch}")
    loaded.build()
    assert held(loaded, "staging", "stg_wwi__things") == []
    assert (loaded.snapshot("raw_vault"), marked(loaded)) == before


def test_partial_and_failed_runs_mark_nothing(loaded: Sandbox) -> None:
    before = marked(loaded)
    batch = deliver(loaded)
    loaded.build("stg_wwi__things+")
    assert marked(loaded) == before
    link = loaded.project / "models" / "raw_vault" / "link_thing_place.sql"
    with changed(link, link.read_text().replace('"place_hk"', '"no_such_column"')):
        with pytest.raises(BuildFailedError, match="no_such_column"):
            loaded.build()
        assert marked(loaded) == before
    loaded.build()
    assert held(loaded, "raw_vault", "sat_thing__details") == marked(loaded) == [*before, batch]


def test_a_new_column_requires_a_full_refresh(loaded: Sandbox) -> None:
    declared = "models: [{name: hub_thing, columns: [{name: thing_hk}, {name: colour}]}]"
    with (
        changed(loaded.project / "models" / "raw_vault" / "_models.yml", declared),
        pytest.raises(PermanentError, match=r"hub_thing lacks column colour.*`wwi build --full-refresh`"),
    ):
        loaded.build()


def test_a_partial_full_refresh_fails(loaded: Sandbox) -> None:
    before = loaded.snapshot("raw_vault")
    with pytest.raises(PermanentError, match=r"selects 1 of the 7 .*without --select"):
        loaded.build("hub_thing", full_refresh=True)
    assert loaded.snapshot("raw_vault") == before


def test_a_new_table_requires_a_full_refresh(loaded: Sandbox) -> None:
    before = marked(loaded)
    batch = deliver(loaded)
    with changed(loaded.project / "models" / "raw_vault" / "sat_thing__copy.sql", NEW_SATELLITE):
        with pytest.raises(PermanentError, match=r"sat_thing__copy is missing.*`wwi build --full-refresh`"):
            loaded.build()
        loaded.build(full_refresh=True)
    assert held(loaded, "raw_vault", "sat_thing__copy") == marked(loaded) == [*before, batch]


def test_a_new_source_table_is_filled_by_its_first_load(loaded: Sandbox) -> None:
    """It has no loaded rows, so nothing has to be rebuilt."""
    before = marked(loaded)
    models = loaded.project / "models"
    loaded.create_tables([raw_layout(loaded.settings, "test__others")])
    with (
        changed(models / "staging" / "_sources.yml", SOURCES + "      - name: test__others\n"),
        changed(models / "staging" / "stg_wwi__others.sql", STAGE.replace("test__things", "test__others")),
        changed(models / "raw_vault" / "sat_other__details.sql", NEW_SATELLITE.replace("things", "others")),
    ):
        loaded.build()
        assert marked(loaded) == before
        assert held(loaded, "raw_vault", "sat_other__details") == []
        batch = next(numbers)
        for table in (RAW_TABLE, "test__others"):
            load_raw(loaded, batch, table)
        loaded.complete(batch)
        loaded.build()
        assert held(loaded, "raw_vault", "sat_other__details") == [batch]
        relation = f"{loaded.settings.dataset('raw_vault')}.sat_other__details"
        execute(loaded.client, f"drop table {relation}")
        with pytest.raises(PermanentError, match=r"sat_other__details is missing"):
            loaded.build()
    assert marked(loaded) == [*before, batch]


def test_a_late_batch_rewinds_the_vault_and_loads_in_order(loaded: Sandbox) -> None:
    before = marked(loaded)
    late = next(numbers)
    load_raw(loaded, late)
    newer = deliver(loaded)
    loaded.build()
    assert marked(loaded) == [*before, newer]
    loaded.complete(late)
    for _ in range(2):  # a partial build deletes nothing and can be repeated
        loaded.build("stg_wwi__things+")
        assert marked(loaded) == [*before, newer]
    loaded.build()
    assert held(loaded, "staging", "stg_wwi__things") == [late, newer]
    assert held(loaded, "raw_vault", "sat_thing__details") == marked(loaded) == [*before, late, newer]
    late_time = [row["load_dts"] for row in loaded.rows("audit", "vault_loads") if row["batch_id"] == late]
    assert late_time == [load_time(late)]


def test_a_vault_of_another_hash_version_fails_until_everything_is_hashed_again(loaded: Sandbox) -> None:
    batch = deliver(loaded)
    before = loaded.snapshot("raw_vault")
    settings_file = loaded.project / "dbt_project.yml"
    with changed(settings_file, settings_file.read_text().replace("hash_version: 1", "hash_version: 2")):
        message = r"hashed with version 1 of .*this build uses version 2.*`wwi rebuild --force`"
        with pytest.raises(PermanentError, match=message):
            loaded.build()
        assert loaded.snapshot("raw_vault") == before
        loaded.build(full_refresh=True)
        assert hash_versions(loaded) == {2}
        assert batch in marked(loaded)
    with pytest.raises(PermanentError, match=r"version 2 of .*this build uses version 1"):
        loaded.build()
    loaded.build(full_refresh=True)
    assert hash_versions(loaded) == {1}


def hash_versions(sandbox: Sandbox) -> set[int]:
    """Return the hash versions in the ledger."""
    return {row["hash_version"] for row in sandbox.rows("audit", "vault_loads")}


def test_a_batch_is_marked_when_all_affected_models_are_built(loaded: Sandbox) -> None:
    before = marked(loaded)
    idle = next(numbers)
    record_rows(loaded, idle, 0)
    loaded.complete(idle)
    loaded.build("hub_thing")
    assert marked(loaded) == [*before, idle], "it feeds nothing"
    busy = next(numbers)
    load_raw(loaded, busy)
    record_rows(loaded, busy, 1)
    loaded.complete(busy)
    loaded.build("hub_thing")
    assert marked(loaded) == [*before, idle]
    loaded.build("source:wwi_raw.test__things+")
    assert marked(loaded) == [*before, idle, busy]


def record_rows(sandbox: Sandbox, batch: int, rows: int) -> None:
    """Record the row count of a batch, as ingestion does."""
    load = {"batch_id": batch, "table_name": "test.things", "rows_loaded": rows}
    execute(sandbox.client, insert(sandbox.settings, "table_loads", [load]))
