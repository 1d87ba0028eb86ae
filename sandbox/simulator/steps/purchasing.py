"""Buying (business_rules.md, section 9) with the reference's corrections 1, 2, 3 and 8.

Only the stock of received items is raised. Goods arrive on the first weekday on or after the expected date,
which depends on the lead times of that order. Outers are rounded up. The contact is that of the supplier.
"""

import numpy as np

from sandbox.simulator.columns import Array
from sandbox.simulator.money import rounded
from sandbox.simulator.seeding.reference import EFT, STOCK_RECEIPT, SUPPLIER_INVOICE
from sandbox.simulator.steps.ledger import Amounts
from sandbox.simulator.steps.stock import move_stock
from sandbox.simulator.world import StepContext, World


def place_orders(world: World, context: StepContext) -> dict[str, int]:
    """Order items below their reorder level, one purchase order per supplier."""
    holdings, items = world.stock_item_holdings, world.stock_items
    outer = items["quantity_per_outer"]
    effective = holdings["quantity_on_hand"] + _on_order(world) - _needed(world)
    rows = np.flatnonzero(effective < holdings["reorder_level"])
    if not len(rows):
        return {}
    rows = rows[np.argsort(items["supplier_id"][rows], kind="stable")]
    outers = -(-(holdings["target_stock_level"] - effective)[rows] // outer[rows])
    supplier_ids, document = np.unique(items["supplier_id"][rows], return_inverse=True)
    order_ids = world.take_ids("purchase_order", len(supplier_ids))
    lead_days = np.zeros(len(supplier_ids), dtype=np.int64)
    np.maximum.at(lead_days, document, items["lead_time_days"][rows])
    _write_orders(world, context, order_ids, supplier_ids, lead_days)
    world.purchase_order_lines.append(
        purchase_order_line_id=world.take_ids("purchase_order_line", len(rows)),
        purchase_order_id=order_ids[document],
        stock_item_id=items["stock_item_id"][rows],
        ordered_outers=outers,
        description=items["stock_item_name"][rows],
        received_outers=0,
        package_type_id=items["outer_package_id"][rows],
        expected_unit_price_per_outer=holdings["last_cost_price"][rows] * outer[rows],
        is_order_line_finalized=False,
        **context.stamp,
    )
    return {"purchase orders": len(supplier_ids), "purchase order lines": len(rows)}


def _write_orders(
    world: World, context: StepContext, order_ids: Array, supplier_ids: Array, lead_days: Array
) -> None:
    suppliers = world.suppliers
    places = suppliers.rows(supplier_ids)
    world.purchase_orders.append(
        purchase_order_id=order_ids,
        supplier_id=supplier_ids,
        order_date=context.today,
        delivery_method_id=suppliers["delivery_method_id"][places],
        contact_person_id=suppliers["primary_contact_person_id"][places],
        expected_delivery_date=context.today + lead_days,
        supplier_reference=suppliers["supplier_reference"][places],
        is_order_finalized=False,
        last_edited_by=1,
        last_edited_when=context.when,
    )


def _on_order(world: World) -> Array:
    """Return the units on open purchase order lines per item."""
    lines, items = world.purchase_order_lines, world.stock_items
    places = items.rows(lines["stock_item_id"])
    units = (lines["ordered_outers"] - lines["received_outers"]) * items["quantity_per_outer"][places]
    return np.bincount(places, units, len(items)).astype(np.int64)


def _needed(world: World) -> Array:
    """Return the units on open order lines, per item."""
    lines, items = world.order_lines, world.stock_items
    waiting = np.isnat(lines["picking_completed_when"])
    places = items.rows(lines["stock_item_id"][waiting])
    return np.bincount(places, lines["quantity"][waiting], len(items)).astype(np.int64)


def receive_goods(world: World, context: StepContext) -> dict[str, int]:
    """Receive the purchase orders that are expected by today, and book the suppliers' invoices."""
    orders, lines = world.purchase_orders, world.purchase_order_lines
    arrived = np.flatnonzero(orders["expected_delivery_date"] <= context.today)
    if not len(arrived):
        return {}
    line_rows = np.flatnonzero(np.isin(lines["purchase_order_id"], orders["purchase_order_id"][arrived]))
    document = np.searchsorted(orders["purchase_order_id"][arrived], lines["purchase_order_id"][line_rows])
    orders.set(arrived, is_order_finalized=True, **context.stamp)
    lines.set(
        line_rows,
        received_outers=lines["ordered_outers"][line_rows],
        last_receipt_date=context.today,
        is_order_line_finalized=True,
        **context.stamp,
    )
    items = world.stock_items
    item_rows = items.rows(lines["stock_item_id"][line_rows])
    outers = lines["ordered_outers"][line_rows]
    move_stock(
        world,
        context,
        STOCK_RECEIPT,
        lines["stock_item_id"][line_rows],
        outers * items["quantity_per_outer"][item_rows],
        supplier_id=orders["supplier_id"][arrived][document],
        purchase_order_id=lines["purchase_order_id"][line_rows],
    )
    net = outers * lines["expected_unit_price_per_outer"][line_rows]
    taxes = rounded(net * items["tax_rate"][item_rows], 100_000)
    _book_payable(world, context, arrived, Amounts(net, taxes).per(document, len(arrived)))
    orders.close(arrived)
    lines.close(line_rows)
    return {"received purchase orders": len(arrived)}


def _book_payable(world: World, context: StepContext, order_rows: Array, amounts: Amounts) -> None:
    orders, count = world.purchase_orders, len(order_rows)
    world.supplier_transactions.append(
        supplier_transaction_id=world.take_ids("transaction", count),
        supplier_id=orders["supplier_id"][order_rows],
        transaction_type_id=SUPPLIER_INVOICE,
        purchase_order_id=orders["purchase_order_id"][order_rows],
        payment_method_id=EFT,
        supplier_invoice_number=[str(number) for number in context.rng.integers(1, 10_001, count)],
        transaction_date=context.today,
        amount_excluding_tax=amounts.net,
        tax_amount=amounts.tax,
        transaction_amount=amounts.net + amounts.tax,
        outstanding_balance=amounts.net + amounts.tax,
        is_finalized=False,
        **context.stamp,
    )
