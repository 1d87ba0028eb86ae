"""Test that every kind of event happens and is visible to a daily load."""

from collections.abc import Callable
from datetime import date, datetime

import psycopg
import pytest

from sandbox.simulator import MASTER_DATA_EVENTS, simulate

from .conftest import BUSY, NewDatabase, Spring

pytestmark = pytest.mark.services

EVENTS = {
    "address changes", "backorders", "cancelled order lines", "cancelled orders", "category changes",
    "cold room readings", "corrected invoices", "corrected orders", "credit limit changes",
    "credit notes", "customer payments", "deliveries", "failed deliveries",
    "ids tried for payment corrections", "invoice lines", "invoices", "late orders",
    "logon activations", "master data changes", "new customers", "order lines", "orders",
    "password changes", "picked lines", "price changes", "purchase order lines", "purchase orders",
    "received purchase orders", "special deals", "stock adjustments", "stocktakes", "supplier payments",
    "vehicle readings", "yearly growth",
}  # fmt: skip

UPDATED = {
    "application.cities", "application.countries", "application.delivery_methods",
    "application.payment_methods", "application.people", "application.state_provinces",
    "purchasing.purchase_order_lines", "purchasing.purchase_orders", "purchasing.supplier_categories",
    "purchasing.supplier_transactions", "sales.customer_transactions", "sales.customers",
    "sales.invoices", "sales.order_lines", "sales.orders", "warehouse.cold_room_temperatures",
    "warehouse.colors", "warehouse.stock_groups", "warehouse.stock_item_holdings",
    "warehouse.stock_items",
}  # fmt: skip


@pytest.fixture(scope="module")
def books(spring: Spring) -> psycopg.Connection:
    """Connect to the simulated spring."""
    return psycopg.connect(spring.dsn, connect_timeout=10, autocommit=True)


def test_every_kind_of_event_happens(spring: Spring) -> None:
    assert set(spring.report.events) == EVENTS
    assert EVENTS >= MASTER_DATA_EVENTS
    assert {
        name.removeprefix("updated ") for name in spring.report.rows if name.startswith("updated")
    } == UPDATED
    assert spring.report.rows["deleted sales.orders"] == spring.report.events["cancelled orders"]


def test_the_days_add_up_to_the_report(spring: Spring) -> None:
    assert [done.day for done in spring.days] == [date.fromordinal(736064 + number) for number in range(90)]
    assert sum(done.events["order lines"] for done in spring.days) == spring.report.events["order lines"]
    assert sum((done.rows for done in spring.days), start=type(spring.report.rows)()) == spring.report.rows


def test_the_volume_matches_the_rules(spring: Spring, record_property: Callable[[str, object], None]) -> None:
    """Orders have about 3.5 lines each, and nearly all are invoiced; the speed is only recorded."""
    events, average = spring.report.events, 60 * 0.25
    weekdays = sum(
        1 if done.day.weekday() < 5 else 0.5 if done.day.weekday() == 5 else 0 for done in spring.days
    )
    late = events["late orders"]
    assert events["orders"] - late == pytest.approx(average * 1.23 * weekdays, rel=0.1)
    assert events["order lines"] / events["orders"] == pytest.approx(3.5, rel=0.05)
    assert events["invoices"] / (events["orders"] - events["cancelled orders"]) > 0.95
    record_property("order_lines_per_second", round(spring.report.order_lines_per_second))


def test_the_source_stores_the_business_date(spring: Spring) -> None:
    with psycopg.connect(spring.dsn, connect_timeout=10) as later_session:
        clock = later_session.execute("select current_setting('wwi.business_clock')::timestamp").fetchone()
    assert clock == (datetime(2016, 7, 8, 23, 59, 59),)


def test_names_change_over_time(books: psycopg.Connection) -> None:
    """Check the renames and additions of section 13, and names that must not occur."""
    for table, key, name in (
        ("application.delivery_methods", 5, "Chilled Van"),
        ("application.payment_methods", 3, "Credit-Card"),
        ("application.transaction_types", 13, "Customer Contra"),
        ("purchasing.supplier_categories", 6, "Courier Services Supplier"),
        ("sales.customer_categories", 8, "General Retailer"),
        ("warehouse.colors", 12, "Steel Gray"),
        ("warehouse.stock_groups", 8, "Furry Footwear"),
        ("warehouse.package_types", 13, "Tub "),
    ):
        assert (key, name, 1) in [
            (*row[:2], 1) for row in books.execute(f"select * from {table}".encode()).fetchall()
        ]
    assert books.execute("select count(*) from warehouse.package_types").fetchone() == (14,)
    assert books.execute("select count(*) from warehouse.stock_items").fetchone() == (227,)


def test_special_deals_lower_prices(books: psycopg.Connection) -> None:
    """The Tailspin deal of the second quarter reduces USB novelties by 15%, only for that group."""
    query = """
        select distinct buying_group_id
        from sales.order_lines as l
        inner join sales.orders using (order_id)
        inner join sales.customers using (customer_id)
        inner join warehouse.stock_item_stock_groups as g using (stock_item_id)
        where g.stock_group_id = 7 and l.unit_price in (21.25, 27.20, 204.00) and order_date <= '2016-06-30'
    """
    assert books.execute(query).fetchall() == [(1,)]


def test_last_edited_when_does_not_show_every_correction(books: psycopg.Connection) -> None:
    """Corrections of orders and payments set a past last_edited_when; those of invoices do not change it."""
    orders = (
        "select count(*) from sales.orders where comments is not null and last_edited_when::time = '17:00'"
    )
    payments = "select count(*) from sales.customer_transactions where payment_method_id = 2"
    invoices = """
        select count(*) from sales.invoices
        where internal_comments is not null and last_edited_when::time = '07:00'
    """
    for query in (orders, payments, invoices):
        count = books.execute(query.encode()).fetchone()
        assert count is not None
        assert count[0] > 0, query


def test_odd_values_occur(books: psycopg.Connection) -> None:
    """Check apostrophes, non-ASCII letters, line breaks, empty strings and nulls."""
    for table, condition in {
        "application.people": "full_name like '%''%'",
        "sales.customers": "customer_name ~ '[^\\x01-\\x7f]'",
        "application.cities": "city_name like '%''%'",
        "sales.orders": "comments like e'%\\n%'",
        "warehouse.stock_items": "stock_item_name like '%\"%'",
    }.items():
        assert (
            books.execute(f"select from {table} where {condition} limit 1".encode()).fetchone() is not None
        ), table
    for table, column in (
        ("sales.orders", "comments"),
        ("sales.customers", "delivery_run"),
        ("sales.customers", "delivery_address_line_2"),
    ):
        kinds = books.execute(
            f"select distinct {column} is null from {table} where coalesce({column}, '') = ''".encode()
        )
        assert len(kinds.fetchall()) == 2, f"{table}.{column}"


def test_days_contain_moves_deletes_and_retries(new_database: NewDatabase) -> None:
    """From one day to the next, lines move to backorders, orders are deleted, deliveries are retried."""
    dsn = new_database()
    start = date(2013, 1, 7)
    simulate(dsn, start=start, days=0, scale=0.1, extensions=BUSY)
    moved = vanished = retried = 0
    with psycopg.connect(dsn, connect_timeout=10, autocommit=True) as books:
        before = _evening(books)

        def compare(_: object) -> None:
            nonlocal before, moved, vanished, retried
            after = _evening(books)
            moved += sum(after["lines"].get(line, order) != order for line, order in before["lines"].items())
            vanished += len(before["orders"].keys() - after["orders"].keys())
            retried += sum(attempts > 2 for attempts in after["attempts"].values())
            before = after

        simulate(dsn, start=start, days=50, scale=0.1, extensions=BUSY, on_day=compare)
    assert moved > 0
    assert vanished > 0
    assert retried > 0


def _evening(books: psycopg.Connection) -> dict[str, dict[int, int]]:
    queries = {
        "lines": "select order_line_id, order_id from sales.order_lines",
        "orders": "select order_id, customer_id from sales.orders",
        "attempts": "select invoice_id, json_array_length(returned_delivery_data::json -> 'Events') "
        "from sales.invoices where not is_credit_note",
    }
    return {name: dict(books.execute(query.encode()).fetchall()) for name, query in queries.items()}
