"""Batches load everything at first, then only what changed, from one snapshot."""

from datetime import datetime
from decimal import Decimal
from threading import Event, Thread

import psycopg
import pytest

from ingestion.report import Progress
from metadata.spec import Catalog
from tests.shop import World

pytestmark = pytest.mark.services


def test_the_first_batch_loads_every_row_without_secret_columns(shop: World) -> None:
    report = shop.load()
    assert {table.table: (table.mode, table.rows_upserted) for table in report.tables} == {
        "shop.accounts": ("full", 3),
        "shop.visits": ("full", 2),
    }
    rows = shop.raw("shop.accounts")
    assert [(row["account_id"], row["owner"], row["balance"]) for row in rows] == [
        (1, "Ann", Decimal("10.50")),
        (2, None, Decimal(0)),
        (3, "", Decimal(-1)),
    ]
    assert "pin" not in rows[0]
    assert {(row["batch_id"], row["record_source"], row["change_type"]) for row in rows} == {
        (1, "wwi.shop.accounts", "upsert")
    }
    assert {row["load_dts"] for row in rows} == {report.load_dts}


def test_later_batches_load_only_changed_rows(shop: World) -> None:
    first = shop.load()
    shop.source.execute("update shop.accounts set balance = 99 where account_id = 2")
    shop.source.execute("insert into shop.accounts values (4, 'Dan', 4, 'x')")
    shop.source.execute("delete from shop.accounts where account_id = 1")
    second = shop.load()
    accounts, visits = second.tables
    assert (accounts.mode, accounts.rows_upserted, accounts.rows_deleted) == ("incremental", 2, 1)
    assert (visits.rows_read, visits.rows_deleted) == (0, 0)
    assert second.load_dts > first.load_dts
    changes = [row for row in shop.raw("shop.accounts") if row["batch_id"] == 2]
    assert [(row["account_id"], row["change_type"], row["balance"]) for row in changes] == [
        (1, "delete", None),
        (2, "upsert", Decimal(99)),
        (4, "upsert", Decimal(4)),
    ]


def test_a_key_deleted_and_inserted_repeatedly_is_loaded_each_time(shop: World) -> None:
    shop.load()
    for _ in range(2):
        shop.source.execute("delete from shop.visits where visit_id = 7")
        shop.load()
        assert [row["visit_id"] for row in shop.latest("shop.visits")] == [8]
        shop.source.execute("insert into shop.visits values (7, 1, '2013-01-02')")
        shop.load()
        assert [row["visit_id"] for row in shop.latest("shop.visits")] == [7, 8]


def test_a_changed_key_is_a_delete_and_an_upsert(shop: World) -> None:
    shop.load()
    shop.source.execute("update shop.visits set visit_id = 9 where visit_id = 7")
    report = shop.load()
    assert (report.tables[1].rows_upserted, report.tables[1].rows_deleted) == (1, 1)
    assert [row["visit_id"] for row in shop.latest("shop.visits")] == [8, 9]


def test_a_transaction_open_during_a_batch_is_loaded_by_the_next(shop: World) -> None:
    """Including rows of a savepoint, which has its own transaction id."""
    shop.load()
    with psycopg.connect(str(shop.settings.source_dsn), connect_timeout=10) as writer:
        writer.execute("update shop.accounts set balance = 20 where account_id = 1")
        with writer.transaction():
            writer.execute("update shop.accounts set balance = 30 where account_id = 2")
        shop.source.execute("insert into shop.visits values (10, 3, '2013-01-03')")
        between = shop.load()
        assert [table.rows_upserted for table in between.tables] == [0, 1]
        writer.commit()
    report = shop.load()
    assert report.tables[0].rows_upserted == 2
    assert [row["balance"] for row in shop.latest("shop.accounts")] == [20, 30, -1]


def test_all_tables_have_the_same_snapshot(shop: World) -> None:
    """Each transaction changes both tables while batches read: both changes are visible or neither."""
    stop = Event()

    def transfer() -> None:
        with psycopg.connect(str(shop.settings.source_dsn), connect_timeout=10) as writer:
            for number in range(100, 100_000):
                writer.execute("update shop.accounts set balance = balance + 1 where account_id = 1")
                writer.execute("insert into shop.visits values (%s, 1, now())", [number])
                writer.commit()
                if stop.is_set():
                    return

    thread = Thread(target=transfer)
    thread.start()
    try:
        for _ in range(3):
            shop.load()
            balance = shop.latest("shop.accounts")[0]["balance"]
            visits = [row for row in shop.latest("shop.visits") if row["visit_id"] >= 100]
            assert balance - Decimal("10.50") == len(visits)
    finally:
        stop.set()
        thread.join(20)
    shop.load()
    written = shop.source.execute("select count(*) from shop.visits").fetchone()
    assert written is not None
    assert len(shop.latest("shop.visits")) == written[0] > 2


def test_a_table_cannot_be_truncated_while_it_is_read(shop: World) -> None:
    """A snapshot does not protect against truncate: all rows would look deleted."""
    refused = []

    def truncate(progress: Progress) -> None:
        if progress.stage == "planned":
            shop.source.execute("set lock_timeout = '200ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable) as error:
                shop.source.execute("truncate shop.visits")
            refused.append(error)

    report = shop.load(on_progress=truncate)
    assert refused
    assert report.tables[1].rows_upserted == 2


def test_a_full_batch_loads_all_rows_again_and_finds_deletes(shop: World) -> None:
    shop.load()
    shop.source.execute("delete from shop.accounts where account_id = 3")
    report = shop.load(full=True)
    accounts = report.tables[0]
    assert (accounts.mode, accounts.reason) == ("full", "asked for")
    assert (accounts.rows_upserted, accounts.rows_deleted) == (2, 1)


def test_another_source_is_read_in_full_and_compared(shop: World) -> None:
    shop.load()
    shop.ask("update {audit}.batches set source_system = 'elsewhere' where true")
    shop.source.execute("delete from shop.accounts where account_id = 3")
    accounts = shop.load().tables[0]
    assert accounts.mode == "full"
    assert "another source" in accounts.reason
    assert (accounts.rows_upserted, accounts.rows_deleted) == (2, 1)


def test_a_restored_source_is_read_in_full(shop: World) -> None:
    shop.load()
    shop.ask("update {audit}.batches set snapshot = '4000000000:4000000000:' where true")
    report = shop.load()
    assert {table.mode for table in report.tables} == {"full"}
    assert "restored" in report.tables[0].reason


def test_loading_single_tables_misses_no_change(shop: World) -> None:
    shop.load()
    shop.source.execute("update shop.accounts set balance = 1 where account_id = 1")
    shop.source.execute("update shop.visits set account_id = 3 where visit_id = 7")
    only = shop.load(tables=["shop.visits"])
    assert [(table.table, table.rows_upserted) for table in only.tables] == [("shop.visits", 1)]
    both = shop.load()
    assert [table.rows_upserted for table in both.tables] == [1, 0]


def test_control_totals_are_those_of_the_whole_table_at_the_snapshot(shop: World) -> None:
    shop.load()
    shop.source.execute("update shop.accounts set balance = 0.07 where account_id = 3")
    shop.load()
    totals = shop.ask("select * from {audit}.control_totals order by batch_id, table_name, control")
    assert [(row["batch_id"], row["table_name"], row["control"], row["value"]) for row in totals] == [
        (1, "shop.accounts", "balance", Decimal("9.5")),
        (1, "shop.accounts", "doubled", Decimal("19")),
        (1, "shop.accounts", "rows", Decimal(3)),
        (1, "shop.visits", "rows", Decimal(2)),
        (2, "shop.accounts", "balance", Decimal("10.57")),
        (2, "shop.accounts", "doubled", Decimal("21.14")),
        (2, "shop.accounts", "rows", Decimal(3)),
        (2, "shop.visits", "rows", Decimal(2)),
    ]


def test_the_ledger_records_each_table_of_a_batch(shop: World) -> None:
    report = shop.load()
    shop.load()
    loads = shop.ask("select * from {audit}.table_loads order by batch_id, table_name")
    assert [(row["batch_id"], row["table_name"], row["mode"], row["status"]) for row in loads] == [
        (1, "shop.accounts", "full", "loaded"),
        (1, "shop.visits", "full", "loaded"),
        (2, "shop.accounts", "incremental", "unchanged"),
        (2, "shop.visits", "incremental", "unchanged"),
    ]
    assert loads[0]["rows_loaded"] == loads[0]["rows_read"] == 3
    assert loads[0]["job_id"].startswith(f"wwi_{shop.settings.dataset_prefix}_1_shop__accounts_")
    assert loads[2]["window_from"] == loads[0]["window_to"]
    batch = shop.ask("select * from {audit}.batches where batch_id = 1")[0]
    assert batch["load_dts"] == report.load_dts
    assert batch["finished_at"] >= batch["started_at"]
    assert batch["source_system"].endswith(str(shop.settings.source_dsn).rpartition("/")[2])


def test_a_recreated_warehouse_uses_other_job_ids_for_the_same_rows(shop: World) -> None:
    """A project remembers job ids longer than datasets, and rejects an id that was used before."""

    def load() -> set[str]:
        assert shop.load(full=True).batch_id == 1
        return {row["job_id"] for row in shop.ask("select job_id from {audit}.table_loads")}

    first = load()
    for layer in ("raw", "audit"):
        for item in shop.client.list_tables(shop.settings.dataset(layer), timeout=30):
            shop.client.delete_table(item, timeout=30)
    again = load()
    assert len(first) == len(again) == 2
    assert first.isdisjoint(again)


def test_the_business_clock_is_the_applied_time_and_never_goes_back(shop: World) -> None:
    name = str(shop.settings.source_dsn).rpartition("/")[2]
    shop.source.execute(f"alter database {name} set wwi.business_clock = '2013-01-31 23:59:59'".encode())
    assert shop.load().applied_dts == datetime(2013, 1, 31, 23, 59, 59)
    shop.source.execute(f"alter database {name} set wwi.business_clock = '2012-12-31 23:59:59'".encode())
    assert shop.load().applied_dts == datetime(2013, 1, 31, 23, 59, 59)


def test_load_times_increase_when_the_clock_goes_back(shop: World) -> None:
    shop.load()
    shop.ask("update {audit}.batches set load_dts = timestamp '2100-01-01 00:00:00+00' where true")
    assert shop.load().load_dts.isoformat() == "2100-01-01T00:00:00.000001+00:00"


def test_a_lost_key_cache_is_rebuilt_from_raw(shop: World) -> None:
    shop.load()
    shop.source.execute("delete from shop.accounts where account_id = 1")
    shop.load()
    for path in (shop.settings.home / "state" / "keys").rglob("*"):
        if path.is_file():
            path.unlink()
    shop.source.execute("delete from shop.accounts where account_id = 2")
    shop.source.execute("insert into shop.accounts values (5, 'Eve', 5, 'x')")
    report = shop.load()
    assert (report.tables[0].rows_upserted, report.tables[0].rows_deleted) == (1, 1)
    assert [row["account_id"] for row in shop.latest("shop.accounts")] == [3, 5]


def test_composite_keys_are_compared_as_a_whole(shop: World) -> None:
    shop.source.execute("alter table shop.visits drop constraint visits_pkey")
    shop.source.execute("alter table shop.visits add primary key (visit_id, account_id)")
    visits = shop.catalog.table("shop.visits").model_copy(update={"primary_key": ("visit_id", "account_id")})
    catalog = Catalog(tables=(shop.catalog.tables[0], visits), hubs=())
    world = World(shop.settings, catalog, shop.source, shop.client)
    shop.source.execute("insert into shop.visits values (7, 2, '2013-01-01')")
    world.load()
    shop.source.execute("delete from shop.visits where visit_id = 7 and account_id = 1")
    assert world.load().tables[1].rows_deleted == 1
    assert [(row["visit_id"], row["account_id"]) for row in world.latest("shop.visits")] == [(7, 2), (8, 2)]


def test_a_full_batch_counts_the_rows_that_differ(shop: World) -> None:
    first = shop.load()
    assert [table.changed for table in first.tables] == [3, 2]
    assert not any(table.is_read_again for table in first.tables)

    again = shop.load(full=True).tables[0]
    assert (again.rows_read, again.changed, again.is_read_again) == (3, 0, True)

    shop.source.execute("delete from shop.accounts where account_id = 3")
    name = next(c.name for c in shop.catalog.table("shop.accounts").columns if c.kind == "text")
    shop.source.execute(f"update shop.accounts set {name} = 'another' where account_id = 1".encode())
    changed = shop.load(full=True).tables[0]
    assert (changed.rows_read, changed.changed, changed.rows_deleted) == (2, 1, 1)
    loads = shop.ask(
        "select rows_changed from {audit}.table_loads where table_name = 'shop.accounts' order by 1"
    )
    assert [row["rows_changed"] for row in loads] == [None, 0, 1]

    shop.source.execute(f"update shop.accounts set {name} = 'a third' where account_id = 1".encode())
    incremental = shop.load().tables[0]
    assert (incremental.rows_read, incremental.changed, incremental.is_read_again) == (1, 1, False)
