"""Control totals by day: their values, and for which tables they are computed again."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from config.errors import TransientError
from config.settings import Settings
from ingestion.report import Progress
from metadata.spec import Catalog, Column, Table
from tests.shop import World, create
from warehouse.client import connect

pytestmark = pytest.mark.services

ABOUT = "A column of the tests."


def column(name: str, kind: str, **more: Any) -> Column:
    return Column(name=name, type=kind, description=ABOUT, **more)


ORDERS = Table(
    schema_name="shop", name="orders", description=ABOUT, primary_key=("order_id",), control_day="placed",
    columns=(column("order_id", "integer"), column("placed", "timestamp", nullable=True)),
)  # fmt: skip
LINES = Table(
    schema_name="shop", name="lines", description=ABOUT, primary_key=("line_id",),
    control_day="order_id.placed", computed_controls={"amount": "round(quantity * price, 2)"},
    columns=(
        column("line_id", "integer"), column("order_id", "integer", references="shop.orders.order_id"),
        column("quantity", "integer", measure=True), column("price", "numeric(18,3)"),
    ),
)  # fmt: skip
COLORS = Table(
    schema_name="shop", name="colors", description=ABOUT, primary_key=("color_id",),
    columns=(column("color_id", "integer"),),
)  # fmt: skip
CATALOG = Catalog(tables=(ORDERS, LINES, COLORS), hubs=())
MONDAY, TUESDAY = date(2013, 1, 7), date(2013, 1, 8)


@pytest.fixture
def orders(own_settings: Settings, database: str) -> Iterator[World]:
    """Two orders with three lines; nothing is loaded yet."""
    with psycopg.connect(database, autocommit=True, connect_timeout=10) as source:
        create(source, CATALOG.tables)
        source.execute(
            "insert into shop.orders values (1, '2013-01-07 23:59:59.999999'), (2, '2013-01-08 00:00')"
        )
        source.execute("insert into shop.lines values (1, 1, 2, 1.005), (2, 1, 3, 10), (3, 2, -1, 0.5)")
        source.execute("insert into shop.colors values (1)")
        yield World(own_settings, CATALOG, source, connect(own_settings))


def days(world: World, table: str, batch: int) -> dict[tuple[date | None, str], Decimal]:
    rows = world.ask(
        f"select day, control, value from {{audit}}.daily_totals "
        f"where table_name = '{table}' and batch_id = {batch}"
    )
    found = {(row["day"], row["control"]): row["value"] for row in rows}
    assert len(found) == len(rows), "a day is duplicated"
    return found


def counted(world: World, batch: int) -> dict[str, int | None]:
    rows = world.ask(f"select table_name, days from {{audit}}.table_loads where batch_id = {batch}")
    return {row["table_name"]: row["days"] for row in rows}


def test_totals_by_day_work_when_the_day_is_in_the_header_table(orders: World) -> None:
    orders.load()
    assert days(orders, "shop.orders", 1) == {(MONDAY, "rows"): 1, (TUESDAY, "rows"): 1}
    assert days(orders, "shop.lines", 1) == {
        (MONDAY, "rows"): 2, (MONDAY, "quantity"): 5, (MONDAY, "amount"): Decimal("32.01"),
        (TUESDAY, "rows"): 1, (TUESDAY, "quantity"): -1, (TUESDAY, "amount"): Decimal("-0.50"),
    }  # fmt: skip
    assert counted(orders, 1) == {"shop.orders": 2, "shop.lines": 2, "shop.colors": None}


def test_a_table_that_did_not_change_keeps_its_days(orders: World) -> None:
    orders.load()
    orders.source.execute("update shop.lines set quantity = 4 where line_id = 2")
    orders.load()
    assert counted(orders, 2) == {"shop.orders": None, "shop.lines": 2, "shop.colors": None}
    assert days(orders, "shop.lines", 2)[MONDAY, "quantity"] == 6
    orders.load()
    assert set(counted(orders, 3).values()) == {None}


def test_totals_of_lines_are_computed_again_when_only_their_header_changed(orders: World) -> None:
    orders.load()
    orders.source.execute("update shop.orders set placed = null where order_id = 2")
    report = orders.load()
    assert {table.table for table in report.tables if table.rows_upserted} == {"shop.orders"}
    assert days(orders, "shop.lines", 2)[None, "amount"] == Decimal("-0.50")
    assert (TUESDAY, "rows") not in days(orders, "shop.lines", 2)


def test_an_emptied_table_has_no_days_left(orders: World) -> None:
    orders.load()
    orders.source.execute("delete from shop.lines")
    orders.load(allow_shrink=True)
    assert counted(orders, 2)["shop.lines"] == 0
    assert days(orders, "shop.lines", 2) == {}


def test_a_resumed_batch_loads_its_totals_by_day_once(orders: World) -> None:
    def lost(progress: Progress) -> None:
        if progress.stage == "loaded" and progress.done == progress.total:
            raise TransientError("lost")

    with pytest.raises(TransientError):
        orders.load(on_progress=lost)
    report = orders.load()
    assert report.resumed == (1,)
    assert sum(days(orders, "shop.orders", 1).values()) == 2
