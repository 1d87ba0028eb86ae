"""Which batches a run loads and marks, and the runs that the vault refuses.

One warehouse for all tests, since each build costs seconds: every test delivers a batch of its own.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from flows.dbt import BuildFailedError
from ingestion import bigquery, ledger
from ingestion.errors import PermanentError
from ingestion.settings import Settings

from .conftest import Sandbox, make_project
from .test_history import RAW_SCHEMA as SCHEMA
from .test_history import RAW_TABLE, Thing, raw_layout

pytestmark = pytest.mark.services

MODELS = Path(__file__).parent / "history_project"
NEW_SATELLITE = (MODELS / "raw_vault" / "sat_thing__details.sql").read_text()

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def loaded(settings: Settings, offline: Path, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """A warehouse with one batch loaded."""
    folder = tmp_path_factory.mktemp("loading")
    project = make_project(folder / "project", MODELS, offline)
    sandbox = Sandbox(bigquery.connect(settings), settings, project, folder)
    with pytest.raises(PermanentError, match=r"vault_loads.* does not exist.*`wwi ingest`"):
        sandbox.build()
    sandbox.create_tables([raw_layout(settings)])
    deliver(sandbox)
    sandbox.build()
    return sandbox


def deliver(sandbox: Sandbox) -> int:
    """Bring one key in a state of its own and return the number of the batch."""
    batch = next(numbers)
    row = {"region": "a", "code": "b", **vars(Thing(f"batch {batch}")), "change_type": "upsert"}
    sandbox.deliver(batch, {RAW_TABLE: pa.Table.from_pylist([row], schema=SCHEMA)})
    return batch


def marked(sandbox: Sandbox) -> list[int]:
    """The batches that the ledger calls loaded."""
    return sorted(row["batch_id"] for row in sandbox.rows("audit", "vault_loads"))


def held(sandbox: Sandbox, layer: str, table: str) -> list[int]:
    """The batches whose states a table holds."""
    return sorted(int(row["name"].removeprefix("batch ")) for row in sandbox.rows(layer, table))


@contextmanager
def changed(file: Path, text: str) -> Iterator[None]:
    """Let a file of the project have another content for a while."""
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
    for status in (ledger.EXTRACTING, ledger.LOADING, ledger.VOID):
        batch = deliver(loaded)
        table = f"{loaded.settings.dataset('audit')}.batches"
        bigquery.execute(loaded.client, f"update {table} set status = '{status}' where batch_id = {batch}")
    loaded.build()
    assert held(loaded, "staging", "stg_wwi__things") == []
    assert (loaded.snapshot("raw_vault"), marked(loaded)) == before


def test_a_run_of_a_part_and_a_run_with_a_failure_mark_nothing(loaded: Sandbox) -> None:
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


def test_a_batch_that_a_stage_did_not_ask_for_is_not_marked(loaded: Sandbox) -> None:
    before = marked(loaded)
    batch = deliver(loaded)
    status = loaded.project / "models" / "staging" / "stg_wwi__things__status.sql"
    blind = status.read_text().replace("pending_load_dts()", "pending_load_dts() | replace('2026', '1999')")
    with changed(status, blind):
        loaded.build()
        assert marked(loaded) == before
    loaded.build()
    assert marked(loaded) == [*before, batch]


def test_a_new_column_is_refused_until_it_can_get_its_history(loaded: Sandbox) -> None:
    declared = "models: [{name: hub_thing, columns: [{name: thing_hk}, {name: colour}]}]"
    with (
        changed(loaded.project / "models" / "raw_vault" / "_models.yml", declared),
        pytest.raises(PermanentError, match=r"hub_thing lacks column colour.*`wwi build --full-refresh`"),
    ):
        loaded.build()


def test_a_part_cannot_be_fully_refreshed(loaded: Sandbox) -> None:
    before = loaded.snapshot("raw_vault")
    with pytest.raises(PermanentError, match=r"takes 1 of the 7 .*both folders whole"):
        loaded.build("hub_thing", full_refresh=True)
    assert loaded.snapshot("raw_vault") == before


def test_a_new_table_is_refused_until_it_can_get_its_history(loaded: Sandbox) -> None:
    before = marked(loaded)
    batch = deliver(loaded)
    with changed(loaded.project / "models" / "raw_vault" / "sat_thing__copy.sql", NEW_SATELLITE):
        with pytest.raises(PermanentError, match=r"sat_thing__copy is missing.*`wwi build --full-refresh`"):
            loaded.build()
        loaded.build(full_refresh=True)
    assert held(loaded, "raw_vault", "sat_thing__copy") == marked(loaded) == [*before, batch]
