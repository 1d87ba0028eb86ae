"""`wwi status` on a real warehouse."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from audit.platform_state import BatchState, ColumnChange, Status
from audit.status import status
from cli.pages.output import print_json
from cli.pages.results import show_status
from config.settings import Settings
from ingestion.load.create_tables import ensure_layout
from metadata.spec import Catalog
from tests import temporary_datasets
from warehouse.client import connect
from warehouse.queries import execute

NOW = datetime(2026, 1, 5, tzinfo=UTC)

# 1 is in the vault, 2 was abandoned, 3 is pending, 4 was left by a killed run
LEDGER = """
insert into {audit}.batches (batch_id, load_dts, applied_dts, status, started_at, finished_at, error) values
(1, timestamp '2026-01-01 00:00:00+00', datetime '2013-01-01 23:59:59', 'completed',
    timestamp '2026-01-01 00:00:00+00', timestamp '2026-01-01 00:00:12.5+00', null),
(2, timestamp '2026-01-02 00:00:00+00', datetime '2013-01-02 23:59:59', 'void',
    timestamp '2026-01-02 00:00:00+00', timestamp '2026-01-02 00:00:01+00', 'lost'),
(3, timestamp '2026-01-03 00:00:00+00', datetime '2013-01-03 23:59:59', 'completed',
    timestamp '2026-01-03 00:00:00+00', timestamp '2026-01-03 00:00:02+00', null),
(4, timestamp '2026-01-04 00:00:00+00', datetime '2013-01-04 23:59:59', 'extracting',
    timestamp '2026-01-04 00:00:00+00', null, null);
insert into {audit}.table_loads
(batch_id, table_name, mode, rows_read, rows_upserted, rows_changed, rows_deleted) values
(1, 'sales.orders', 'full', 10, 10, null, 0), (1, 'sales.customers', 'full', 5, 5, null, 0),
(3, 'sales.orders', 'incremental', 2, 2, null, 1), (3, 'sales.customers', 'full', 5, 5, 0, 0);
insert into {audit}.vault_loads (batch_id) values (1);
insert into {audit}.schema_changes (batch_id, table_name, column_name, change, source_type, reason) values
(1, 'sales.orders', 'channel', 'new column, not loaded', 'text', 'the login may not read it'),
(3, 'sales.orders', 'channel', 'new column, loaded', 'text', ''),
(1, 'sales.orders', 'order_date', 'new column, loaded', 'date', '');
"""


@pytest.fixture
def empty(services: Settings) -> Iterator[Settings]:
    """A warehouse without tables."""
    prefix = temporary_datasets.new_prefix(services, "status")
    settings = services.model_copy(update={"dataset_prefix": prefix})
    with temporary_datasets.datasets(settings, ("_audit", "_raw")):
        yield settings


@pytest.fixture
def loaded(empty: Settings, catalog: Catalog) -> Settings:
    """A warehouse with four batches and two tables in its ledger."""
    client = connect(empty)
    ensure_layout(client, empty, catalog.model_copy(update={"tables": ()}), force=True)
    for statement in LEDGER.format(audit=empty.dataset("audit")).split(";"):
        if statement.strip():
            execute(client, statement)
    return empty


@pytest.mark.services
def test_the_newest_batches_come_first_with_their_row_counts(loaded: Settings, catalog: Catalog) -> None:
    found = status(loaded, catalog, batches=3, now=NOW)
    assert [batch.batch_id for batch in found.batches] == [4, 3, 2]
    third = found.batches[1]
    assert (third.tables, third.rows_read, third.rows_changed, third.rows_deleted) == (2, 7, 2, 1)
    assert (third.seconds, third.applied_dts) == (2.0, datetime(2013, 1, 3, 23, 59, 59))
    assert found.batches[2].error == "lost"


@pytest.mark.services
def test_freshness_counts_from_the_newest_completed_batch(loaded: Settings, catalog: Catalog) -> None:
    found = status(loaded, catalog, now=NOW)
    assert found.loaded_to == datetime(2026, 1, 3, tzinfo=UTC)
    assert found.behind_s == 2 * 24 * 3600


@pytest.mark.services
def test_pending_and_unfinished_batches_are_listed(loaded: Settings, catalog: Catalog) -> None:
    found = status(loaded, catalog, now=NOW)
    assert (found.pending, found.open) == ((3,), (4,))


@pytest.mark.services
def test_each_table_shows_its_last_load_and_its_last_change(loaded: Settings, catalog: Catalog) -> None:
    customers, orders = status(loaded, catalog, now=NOW).tables
    assert (customers.table, customers.batch_id, customers.mode) == ("sales.customers", 3, "full")
    assert (customers.rows_read, customers.rows_changed) == (5, 0)
    assert (orders.rows_read, orders.rows_changed) == (2, 2)
    assert customers.changed_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert orders.changed_at == datetime(2026, 1, 3, tzinfo=UTC)


@pytest.mark.services
def test_rows_read_and_rows_changed_are_counted_separately(
    loaded: Settings, catalog: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    """In printed tables and in JSON."""
    found = status(loaded, catalog, now=NOW)
    show_status(found)
    shown = capsys.readouterr().out
    assert shown.count("read") == shown.count("changed") == 2
    assert "loaded " not in shown.replace("new column, loaded ", "")
    print_json(found)
    batch = json.loads(capsys.readouterr().out)["batches"][1]
    assert (batch["batch_id"], batch["rows_read"], batch["rows_changed"]) == (3, 7, 2)


@pytest.mark.services
def test_a_new_column_is_listed_until_the_metadata_describe_it(loaded: Settings, catalog: Catalog) -> None:
    """channel is new; order_date was new once and is described now."""
    assert status(loaded, catalog, now=NOW).changes == (
        ColumnChange("sales.orders", "channel", "text", "new column, loaded", "", 3),
    )


@pytest.mark.services
def test_before_the_first_load_there_is_nothing(empty: Settings, catalog: Catalog) -> None:
    found = status(empty, catalog, now=NOW)
    assert found == Status(NOW, (), ())
    assert found.behind_s is None


def test_a_void_batch_is_neither_pending_nor_open() -> None:
    void = BatchState(2, "void", NOW, None, None, 0, 0, 0, 0, False, "lost")
    found = Status(NOW, (void,), ())
    assert (found.pending, found.open, found.loaded_to) == ((), (), None)


@pytest.mark.services
def test_a_vault_built_by_the_stand_ins_is_marked(
    loaded: Settings, catalog: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(at: str, version: str) -> None:
        columns = "invocation_id, started_at, status, code_version, dataset_prefix, packages"
        values = f"'{at}', timestamp '{at}', 'passed', '1', 'wwi', '{{\"automate_dv\": \"{version}\"}}'"
        execute(
            connect(loaded), f"insert into {loaded.dataset('audit')}.builds ({columns}) values ({values})"
        )

    build("2026-01-04 01:00:00", "0.11.5+offline")
    found = status(loaded, catalog, now=NOW)
    assert found.offline_packages == ("automate_dv 0.11.5+offline",)
    show_status(found)
    assert "stand-ins in vault/offline (automate_dv 0.11.5+offline)" in capsys.readouterr().out
    build("2026-01-04 02:00:00", "0.11.5")
    assert status(loaded, catalog, now=NOW).offline_packages == ()
