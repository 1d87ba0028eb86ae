"""The largest values that the source can store are loaded, built and reconciled to the cent."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from tests.marts.business import Business

pytestmark = [pytest.mark.services, pytest.mark.end_to_end, pytest.mark.proof]

UNITS = 2**31 - 1
PRICE = Decimal("9999999999999999.99")
RATE = Decimal("999999999999999.999")
LAST_DAY = date(9999, 12, 31)

EXTREME = f"""
update sales.order_lines set quantity = {UNITS}, unit_price = {PRICE} where order_line_id in (3, 4);
update sales.order_lines set quantity = {UNITS}, unit_price = {PRICE}, tax_rate = {RATE}
where order_line_id = 5;
update sales.order_lines set quantity = 1, unit_price = 0 where order_line_id = 6;
update sales.invoice_lines
set extended_price = {PRICE}, tax_amount = -{PRICE}, line_profit = {PRICE}, quantity = {UNITS}
where invoice_line_id in (3, 4);
update sales.invoice_lines set extended_price = 0.01, tax_amount = 0, line_profit = {PRICE}
where invoice_line_id = 5;
update sales.customer_transactions set outstanding_balance = {PRICE}, transaction_amount = {PRICE}
where customer_transaction_id in (
    select customer_transaction_id from sales.customer_transactions
    where transaction_type_id = 1 order by customer_transaction_id limit 3
);
update sales.customer_transactions set transaction_date = '9999-12-31'
where customer_transaction_id
    = (select min(customer_transaction_id) from sales.customer_transactions where transaction_type_id = 1);
update sales.customers set credit_limit = 0.01;
update warehouse.stock_item_holdings
set quantity_on_hand = {UNITS}, last_cost_price = {PRICE}, target_stock_level = {UNITS},
    reorder_level = {UNITS}
where stock_item_id in (1, 2);
update warehouse.stock_items set quantity_per_outer = {UNITS} where stock_item_id in (1, 2);
update purchasing.purchase_order_lines
set ordered_outers = {UNITS}, received_outers = -{UNITS}, stock_item_id = 1, is_order_line_finalized = false
where purchase_order_line_id in (select purchase_order_line_id from purchasing.purchase_order_lines limit 4);
update warehouse.stock_item_transactions set quantity = 999999999999999.999
where stock_item_transaction_id
    = (select max(stock_item_transaction_id) from warehouse.stock_item_transactions);
"""


CHANGED = re.findall(r"^update (\S+)", EXTREME, re.MULTILINE)


@pytest.fixture(scope="module")
def extreme(business: Business) -> Iterator[Business]:
    """Set extreme values in the source for this module, and restore the rows afterwards."""
    tables = {name: name.replace(".", "_") for name in CHANGED}
    business.source(
        "create schema before_extremes",
        *(f"create table before_extremes.{copy} as table {name}" for name, copy in tables.items()),
        *(statement for statement in EXTREME.split(";") if statement.strip()),
    )
    business.load()
    yield business
    business.source(
        "set local session_replication_role = replica",  # restore rows without checking foreign keys
        *(f"delete from {name}" for name in tables),
        *(f"insert into {name} table before_extremes.{copy}" for name, copy in tables.items()),
        "drop schema before_extremes cascade",
    )


def test_every_total_equals_the_source(extreme: Business) -> None:
    assert extreme.results[-1].differences == []


def test_amounts_of_order_lines_are_exact_or_null_if_numeric_overflows(extreme: Business) -> None:
    rows = extreme.ask(
        "select total_excluding_tax as net, tax_amount as tax, total_including_tax as gross, tax_rate "
        "from {m}.fct_order where order_key in (3, 5, 6) order by order_key"
    )
    large, untaxed, free = rows
    assert large["net"] == UNITS * PRICE
    exact = UNITS * PRICE * large["tax_rate"] / 100
    assert abs(large["tax"] - exact) <= Decimal("0.005")
    assert large["gross"] == large["net"] + large["tax"]
    assert (untaxed["net"], untaxed["tax"], untaxed["gross"]) == (UNITS * PRICE, None, None)
    assert (free["net"], free["tax"], free["gross"]) == (0, 0, 0)


def test_profits_margins_and_balances_are_exact(extreme: Business) -> None:
    business_vault = extreme.settings.dataset("business_vault")
    ((sold, profit),) = [
        tuple(row.values())
        for row in extreme.ask("select total_excluding_tax, profit from {m}.fct_sale where sale_key = 3")
    ]
    assert (sold, profit) == (2 * PRICE, PRICE)
    (margin,) = extreme.ask(
        f"select max(margin_percent) as most from {business_vault}.bv_sat_invoice_line__profit"
    )
    assert margin["most"] == PRICE * 100 / Decimal("0.01")
    (owed,) = extreme.ask(f"select max(balance) as most from {business_vault}.bv_sat_customer__balance")
    assert owed["most"] >= PRICE
    late = extreme.ask(
        f"select due_date, days_late from {business_vault}.bv_sat_customer_transaction__days_to_pay "
        "where transaction_date = date '9999-12-31'"
    )
    assert [row["due_date"] for row in late] in ([None], [LAST_DAY])


def test_stock_value_is_exact_and_a_quantity_beyond_int64_is_null(extreme: Business) -> None:
    business_vault = extreme.settings.dataset("business_vault")
    rows = extreme.ask(
        "select stock_item_id, stock_value, on_order_quantity, effective_quantity, is_reorder_needed "
        f"from {business_vault}.bv_sat_stock_item__position join {{v}}.hub_stock_item using (stock_item_hk) "
        "where stock_item_id in (1, 2) order by stock_item_id"
    )
    assert [row["stock_value"] for row in rows] == [UNITS * PRICE] * 2
    assert rows[0]["on_order_quantity"] is None
    assert rows[0]["effective_quantity"] is None
    assert rows[0]["is_reorder_needed"] is False


def test_a_movement_keeps_its_fraction(extreme: Business) -> None:
    (most,) = extreme.ask("select max(quantity) as quantity from {m}.fct_movement")
    assert most["quantity"] == Decimal("999999999999999.999")
