"""Every rule of the business vault is compared, row by row, with the same rule on the source."""

import pytest

from tests.business_vault import rules
from tests.business_vault.conftest import Business, Rows

pytestmark = [pytest.mark.services, pytest.mark.proof]


def assert_equal(expected: Rows, found: Rows) -> None:
    """Assert that the rows are equal and more than 20; show the first three differences."""
    assert len(expected) > 20
    differences = [pair for pair in zip(expected, found, strict=False) if pair[0] != pair[1]]
    assert differences[:3] == []
    assert len(found) == len(expected)


def test_stock_and_reorder_need_are_right_on_the_day_of_each_batch(business: Business) -> None:
    for day in business.days:
        found = business.from_warehouse(
            f"""
            select hub.stock_item_id, quantity_on_hand, on_order_quantity, needed_quantity,
                effective_quantity, is_reorder_needed, outers_to_order, quantity_to_order, stock_value
            from {{bv}}.snapshot_stock_position as position
            join {{rv}}.hub_stock_item as hub on position.stock_item_hk = hub.stock_item_hk
            where snapshot_date = date '{day}' order by 1
            """
        )
        assert_equal(business.answers["stock", day], found)
        assert sum(row[3] > 0 for row in found) > 5, "items are needed"
        assert sum(row[2] > 0 for row in found) > 5, "items are on order"
    assert {row[5] for answer in business.answers.values() for row in answer} >= {True, False}


def test_balance_overdue_and_credit_use_are_right_on_the_day_of_each_batch(business: Business) -> None:
    for day in business.days:
        found = business.from_warehouse(
            f"""
            select hub.customer_id, open_entries, balance, overdue_amount, credit_limit, credit_use_percent
            from {{bv}}.snapshot_customer_balance as balance
            join {{rv}}.hub_customer as hub on balance.customer_hk = hub.customer_hk
            where snapshot_date = date '{day}' order by 1
            """
        )
        assert_equal(business.answers["balance", day], found)
    assert any(row[3] > 0 for row in found), "customers are late"
    assert {row[4] is None for row in found} == {True, False}, "with and without a limit"


def test_the_current_state_equals_the_newest_snapshot(business: Business) -> None:
    stock = business.from_warehouse(
        "select hub.stock_item_id, effective_quantity, quantity_to_order from "
        "{bv}.bv_sat_stock_item__position as position "
        "join {rv}.hub_stock_item as hub on position.stock_item_hk = hub.stock_item_hk order by 1"
    )
    assert_equal([(row[0], row[4], row[7]) for row in business.answers["stock", business.today]], stock)
    balance = business.from_warehouse(
        "select hub.customer_id, balance, overdue_amount from {bv}.bv_sat_customer__balance as balance "
        "join {rv}.hub_customer as hub on balance.customer_hk = hub.customer_hk order by 1"
    )
    assert_equal([(row[0], row[2], row[3]) for row in business.answers["balance", business.today]], balance)


def test_fulfilment_and_on_time_delivery_of_every_order(business: Business) -> None:
    found = business.from_warehouse(
        """
        select hub.order_id, is_backordered, is_backorder, order_lines, picked_lines, invoiced_lines,
            ordered_quantity, picked_quantity, invoiced_quantity, lead_time_days, delivered_date,
            is_on_time, days_late
        from {bv}.bv_sat_order__fulfilment as fulfilment
        join {bv}.bv_sat_order__on_time_delivery as delivery on fulfilment.order_hk = delivery.order_hk
        join {rv}.hub_order as hub on fulfilment.order_hk = hub.order_hk order by 1
        """
    )
    assert_equal(business.from_source(rules.ORDERS), found)
    assert sum(row[1] for row in found) == sum(row[2] for row in found) > 10, "backorders"
    assert {row[11] for row in found} == {True, False, None}


def test_sales_cost_profit_and_margin_of_every_invoice_line(business: Business) -> None:
    found = business.from_warehouse(
        "select hub.invoice_line_id, sales_amount, cost_amount, profit_amount, margin_percent "
        "from {bv}.bv_sat_invoice_line__profit as profit "
        "join {rv}.hub_invoice_line as hub on profit.invoice_line_hk = hub.invoice_line_hk order by 1"
    )
    assert_equal(business.from_source(rules.LINE_PROFIT), found)
    assert sum(row[1] < 0 for row in found) > 5, "credit notes"
    assert any(row[3] < 0 < row[1] for row in found), "items sold below cost"


def test_profit_of_every_invoice(business: Business) -> None:
    found = business.from_warehouse(
        "select hub.invoice_id, invoice_lines, sales_amount, profit_amount, margin_percent "
        "from {bv}.bv_sat_invoice__profit as profit "
        "join {rv}.hub_invoice as hub on profit.invoice_hk = hub.invoice_hk order by 1"
    )
    assert_equal(business.from_source(rules.INVOICE_PROFIT), found)


def test_due_dates_and_days_to_pay_of_every_invoice_and_customer(business: Business) -> None:
    invoices = business.from_warehouse(
        """
        select hub.customer_transaction_id, transaction_date, due_date, settled_date, days_to_pay, days_late
        from {bv}.bv_sat_customer_transaction__days_to_pay as paid
        join {rv}.hub_customer_transaction as hub
            on paid.customer_transaction_hk = hub.customer_transaction_hk
        order by 1
        """
    )
    assert_equal(business.from_source(rules.INVOICES_TO_PAY), invoices)
    assert {row[3] is None for row in invoices} == {True, False}, "paid and open"
    customers = business.from_warehouse(
        "select hub.customer_id, paid_invoices, invoices_paid_late, average_days_to_pay "
        "from {bv}.bv_sat_customer__days_to_pay as paid "
        "join {rv}.hub_customer as hub on paid.customer_hk = hub.customer_hk order by 1"
    )
    assert_equal(business.from_source(rules.DAYS_TO_PAY), customers)
    assert sum(row[2] for row in customers) > 5, "paid late"


def test_order_to_cash_of_every_line(business: Business) -> None:
    found = business.from_warehouse(
        """
        select order_line.order_line_id, orders.order_id, customer.customer_id,
            bill_to.customer_id as bill_to_id, item.stock_item_id, invoice_line.invoice_line_id,
            invoice.invoice_id, entry.customer_transaction_id, payment.customer_transaction_id as payment_id,
            order_date, expected_delivery_date, picked_date, invoice_date, delivery_date, ledger_date,
            settled_date
        from {bv}.bridge_order_to_cash as bridge
        left join {rv}.hub_order_line as order_line on bridge.order_line_hk = order_line.order_line_hk
        left join {rv}.hub_order as orders on bridge.order_hk = orders.order_hk
        left join {rv}.hub_customer as customer on bridge.customer_hk = customer.customer_hk
        left join {rv}.hub_customer as bill_to on bridge.bill_to_customer_hk = bill_to.customer_hk
        left join {rv}.hub_stock_item as item on bridge.stock_item_hk = item.stock_item_hk
        left join {rv}.hub_invoice_line as invoice_line
            on bridge.invoice_line_hk = invoice_line.invoice_line_hk
        left join {rv}.hub_invoice as invoice on bridge.invoice_hk = invoice.invoice_hk
        left join {rv}.hub_customer_transaction as entry
            on bridge.customer_transaction_hk = entry.customer_transaction_hk
        left join {rv}.hub_customer_transaction as payment
            on bridge.payment_transaction_hk = payment.customer_transaction_hk
        order by order_line_id nulls last, invoice_line_id
        """
    )
    assert_equal(business.from_source(rules.ORDER_TO_CASH), found)
    assert any(row[0] is None for row in found), "credit notes bill no order line"
    assert any(row[5] is None for row in found), "lines not picked yet are not billed"


def test_every_payment_is_the_sum_of_the_invoices_that_it_settled(business: Business) -> None:
    found = business.from_warehouse(
        """
        with settled as (
            select distinct payment_transaction_hk, customer_transaction_hk from {bv}.bridge_order_to_cash
            where payment_transaction_hk is not null
        )
        select hub.customer_transaction_id, sum(details.transaction_amount) as amount
        from settled
        join {rv}.hub_customer_transaction as hub
            on settled.payment_transaction_hk = hub.customer_transaction_hk
        join {rv}.sat_customer_transaction__details as details
            on settled.customer_transaction_hk = details.customer_transaction_hk
        group by 1 order by 1
        """
    )
    assert_equal(business.from_source(rules.PAYMENTS), found)


def test_purchase_to_pay_of_every_line(business: Business) -> None:
    found = business.from_warehouse(
        """
        select line.purchase_order_line_id, purchase.purchase_order_id, supplier.supplier_id,
            item.stock_item_id, movement.stock_item_transaction_id, entry.supplier_transaction_id,
            payment.supplier_transaction_id as payment_id, order_date, expected_delivery_date, receipt_date,
            ledger_date, settled_date
        from {bv}.bridge_purchase_to_pay as bridge
        left join {rv}.hub_purchase_order_line as line
            on bridge.purchase_order_line_hk = line.purchase_order_line_hk
        left join {rv}.hub_purchase_order as purchase on bridge.purchase_order_hk = purchase.purchase_order_hk
        left join {rv}.hub_supplier as supplier on bridge.supplier_hk = supplier.supplier_hk
        left join {rv}.hub_stock_item as item on bridge.stock_item_hk = item.stock_item_hk
        left join (
            select distinct stock_movement_hk, stock_item_transaction_id from {rv}.sat_stock_movement__details
        ) as movement on bridge.stock_movement_hk = movement.stock_movement_hk
        left join {rv}.hub_supplier_transaction as entry
            on bridge.supplier_transaction_hk = entry.supplier_transaction_hk
        left join {rv}.hub_supplier_transaction as payment
            on bridge.payment_transaction_hk = payment.supplier_transaction_hk
        order by 1
        """
    )
    assert_equal(business.from_source(rules.PURCHASE_TO_PAY), found)
    assert {(row[4] is None, row[6] is None) for row in found} == {
        (True, True),
        (False, True),
        (False, False),
    }


def test_rows_deleted_in_the_source_no_longer_count(business: Business) -> None:
    kept = business.from_warehouse(
        "select count(*) as n from {rv}.hub_order_line where order_line_id = 1 "
        "union all select count(*) from {bv}.bridge_order_to_cash as bridge "
        "join {rv}.hub_order_line as hub on bridge.order_line_hk = hub.order_line_hk where order_line_id = 1"
    )
    assert sorted(kept) == [(0,), (1,)], "the vault keeps the deleted line, the bridge does not"
