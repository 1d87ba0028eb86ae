"""Backfills: read all rows of some business days again, and compare all keys with raw."""

from collections.abc import Iterator
from datetime import date

import psycopg
import pytest

from config.settings import Settings
from tests.ingestion.extract.test_daily_totals import CATALOG, MONDAY, TUESDAY
from tests.shop import World, create
from warehouse.client import connect

pytestmark = pytest.mark.services


@pytest.fixture
def orders(own_settings: Settings, database: str) -> Iterator[World]:
    """Two orders on two days, one without a day, and four lines, loaded once."""
    with psycopg.connect(database, autocommit=True, connect_timeout=10) as source:
        create(source, CATALOG.tables)
        source.execute(
            "insert into shop.orders values (1, '2013-01-07 23:59:59.999999'), (2, '2013-01-08'), (3, null)"
        )
        source.execute(
            "insert into shop.lines values (1, 1, 2, 1.005), (2, 1, 3, 10), (3, 2, -1, 0.5), (4, 3, 1, 1)"
        )
        source.execute("insert into shop.colors values (1)")
        world = World(own_settings, CATALOG, source, connect(own_settings))
        world.load()
        yield world


def loaded_rows(world: World, **options: object) -> dict[str, int]:
    """Load, and return the number of rows loaded for each table."""
    return {table.table.partition(".")[2]: table.rows_upserted for table in world.load(**options).tables}


@pytest.mark.parametrize(
    ("days", "rows"),
    [
        ((MONDAY, MONDAY), {"colors": 0, "lines": 2, "orders": 1}),
        ((MONDAY, TUESDAY), {"colors": 0, "lines": 3, "orders": 2}),
        ((date(2014, 1, 1), date(2014, 1, 2)), {"colors": 0, "lines": 0, "orders": 0}),
    ],
)
def test_a_backfill_reads_all_rows_of_its_days_including_detail_tables(
    orders: World, days: tuple[date, date], rows: dict[str, int]
) -> None:
    """The day of a line is that of its order."""
    assert loaded_rows(orders, days=days) == rows
    assert loaded_rows(orders) == {"colors": 0, "lines": 0, "orders": 0}, "the next load continues from here"


def test_a_backfill_also_reads_rows_that_changed_on_other_days(orders: World) -> None:
    orders.source.execute("update shop.lines set quantity = 9 where line_id = 3")
    report = orders.load(days=(MONDAY, MONDAY))
    (lines,) = [table for table in report.tables if table.table == "shop.lines"]
    assert lines.rows_upserted == 3
    assert lines.reason == "changed rows, and all of 2013-01-07 to 2013-01-07"
    assert [row["quantity"] for row in orders.latest("shop.lines")] == [2, 3, 9, 1]


def test_comparing_all_keys_loads_nothing_if_raw_is_complete(orders: World) -> None:
    assert loaded_rows(orders, compare_keys=True) == {"colors": 0, "lines": 0, "orders": 0}


def test_comparing_all_keys_repairs_missing_and_extra_rows_in_raw(orders: World) -> None:
    """The counts stay equal, so a normal load and the key cache do not notice it."""
    orders.ask("update {raw}.shop__lines set line_id = 99 where line_id = 3")
    assert loaded_rows(orders) == {"colors": 0, "lines": 0, "orders": 0}
    report = orders.load(compare_keys=True)
    (lines,) = [table for table in report.tables if table.table == "shop.lines"]
    assert (lines.mode, lines.reason) == ("full", "1 rows of the source were not in raw")
    assert (lines.rows_upserted, lines.rows_deleted) == (4, 1)
    assert [row["line_id"] for row in orders.latest("shop.lines")] == [1, 2, 3, 4]
    assert loaded_rows(orders, compare_keys=True) == {"colors": 0, "lines": 0, "orders": 0}


def test_comparing_all_keys_loads_new_and_deleted_rows_as_usual(orders: World) -> None:
    orders.source.execute("delete from shop.lines where line_id = 1")
    orders.source.execute("insert into shop.lines values (5, 2, 1, 1)")
    report = orders.load(compare_keys=True)
    (lines,) = [table for table in report.tables if table.table == "shop.lines"]
    assert (lines.mode, lines.rows_upserted, lines.rows_deleted) == ("incremental", 1, 1)
