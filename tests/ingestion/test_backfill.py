"""Reading again what was read: the rows of some business days, and all keys beside what raw holds."""

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
    """Two orders of two days, one of no day, and four lines, loaded once."""
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


def came(world: World, **options: object) -> dict[str, int]:
    """Load, and return how many rows of each table came."""
    return {table.table.partition(".")[2]: table.rows_upserted for table in world.load(**options).tables}


@pytest.mark.parametrize(
    ("days", "rows"),
    [
        ((MONDAY, MONDAY), {"colors": 0, "lines": 2, "orders": 1}),
        ((MONDAY, TUESDAY), {"colors": 0, "lines": 3, "orders": 2}),
        ((date(2014, 1, 1), date(2014, 1, 2)), {"colors": 0, "lines": 0, "orders": 0}),
    ],
)
def test_a_backfill_brings_every_row_of_its_days_and_of_what_belongs_to_them(
    orders: World, days: tuple[date, date], rows: dict[str, int]
) -> None:
    """The day of a line is that of its order."""
    assert came(orders, days=days) == rows
    assert came(orders) == {"colors": 0, "lines": 0, "orders": 0}, "the next load goes on from here"


def test_a_backfill_brings_what_changed_on_other_days_too(orders: World) -> None:
    orders.source.execute("update shop.lines set quantity = 9 where line_id = 3")
    report = orders.load(days=(MONDAY, MONDAY))
    (lines,) = [table for table in report.tables if table.table == "shop.lines"]
    assert lines.rows_upserted == 3
    assert lines.reason == "changed rows, and all of 2013-01-07 to 2013-01-07"
    assert [row["quantity"] for row in orders.latest("shop.lines")] == [2, 3, 9, 1]


def test_a_comparison_of_all_keys_brings_nothing_when_raw_is_whole(orders: World) -> None:
    assert came(orders, compare_keys=True) == {"colors": 0, "lines": 0, "orders": 0}


def test_a_comparison_of_all_keys_makes_good_what_raw_has_lost_or_has_too_much(orders: World) -> None:
    """The numbers stay the same, so a usual load sees nothing; nor does the cache of keys know."""
    orders.ask("update {raw}.shop__lines set line_id = 99 where line_id = 3")
    assert came(orders) == {"colors": 0, "lines": 0, "orders": 0}
    report = orders.load(compare_keys=True)
    (lines,) = [table for table in report.tables if table.table == "shop.lines"]
    assert (lines.mode, lines.reason) == ("full", "1 rows of the source were not in raw")
    assert (lines.rows_upserted, lines.rows_deleted) == (4, 1)
    assert [row["line_id"] for row in orders.latest("shop.lines")] == [1, 2, 3, 4]
    assert came(orders, compare_keys=True) == {"colors": 0, "lines": 0, "orders": 0}


def test_a_comparison_of_all_keys_brings_new_and_deleted_rows_as_a_load_does(orders: World) -> None:
    orders.source.execute("delete from shop.lines where line_id = 1")
    orders.source.execute("insert into shop.lines values (5, 2, 1, 1)")
    report = orders.load(compare_keys=True)
    (lines,) = [table for table in report.tables if table.table == "shop.lines"]
    assert (lines.mode, lines.rows_upserted, lines.rows_deleted) == ("incremental", 1, 1)
