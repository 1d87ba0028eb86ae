"""A build leaves no batch out because two clocks differ: it waits for a little, and refuses much."""

from datetime import UTC, datetime, timedelta

import pytest

from config.errors import PermanentError
from config.settings import Settings
from ingestion.load import create_tables
from metadata.spec import Catalog
from transform.build_clock import MAX_WAIT_S, wait_for_batches
from warehouse.client import connect
from warehouse.ledger.tables import COMPLETED, insert, table_name
from warehouse.queries import execute

pytestmark = pytest.mark.services


def complete(settings: Settings, ahead: timedelta) -> datetime:
    """Have one batch in the ledger, completed so long after now."""
    client = connect(settings)
    create_tables.ensure_layout(client, settings, Catalog(tables=(), hubs=()))
    finished_at = datetime.now(UTC) + ahead
    row = {"batch_id": 7, "status": COMPLETED, "finished_at": finished_at}
    execute(client, f"delete from {table_name(settings, 'batches')} where true")
    execute(client, insert(settings, "batches", [row]))
    return finished_at


def test_without_a_ledger_there_is_nothing_to_wait_for(settings: Settings) -> None:
    wait_for_batches(connect(settings), settings)


@pytest.mark.parametrize("ahead", [timedelta(days=-1), timedelta(seconds=2)])
def test_the_build_begins_after_every_batch_was_completed(settings: Settings, ahead: timedelta) -> None:
    finished_at = complete(settings, ahead)
    wait_for_batches(connect(settings), settings)
    assert datetime.now(UTC) >= finished_at


def test_a_clock_that_is_far_behind_is_told(settings: Settings) -> None:
    complete(settings, timedelta(seconds=MAX_WAIT_S + 60))
    with pytest.raises(PermanentError, match=r"batch 7 was completed at .* a build would leave it out"):
        wait_for_batches(connect(settings), settings)
