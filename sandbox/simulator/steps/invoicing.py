"""Invoices and backorders (business_rules.md, section 6)."""

import numpy as np

from sandbox.simulator.columns import Array
from sandbox.simulator.money import tax
from sandbox.simulator.seeding.reference import CUSTOMER_INVOICE, STOCK_ISSUE
from sandbox.simulator.steps.delivery import ready_document
from sandbox.simulator.steps.ledger import Amounts, book_receivable
from sandbox.simulator.steps.stock import move_stock
from sandbox.simulator.world import StepContext, World


def invoice(world: World, context: StepContext) -> dict[str, int]:
    """Invoice the orders with picked lines; their unpicked lines move to a new order."""
    orders, lines = world.orders, world.order_lines
    order_rows = orders.rows(lines["order_id"])
    picked = ~np.isnat(lines["picking_completed_when"])
    with_picked = np.bincount(order_rows[picked], minlength=len(orders)) > 0
    with_waiting = np.bincount(order_rows[~picked], minlength=len(orders)) > 0
    on_hold = world.customers["is_on_credit_hold"][world.customers.rows(orders["customer_id"])]
    allowed = ~with_waiting | orders["is_undersupply_backordered"]
    ready = np.flatnonzero(with_picked & allowed & ~on_hold)
    if not len(ready):
        return {}
    backorders = _split(world, context, ready[with_waiting[ready]])
    line_rows = np.flatnonzero(picked & np.isin(order_rows, ready))
    line_rows = line_rows[np.argsort(order_rows[line_rows], kind="stable")]
    document = np.searchsorted(ready, order_rows[line_rows])
    _write(world, context, ready, line_rows, document)
    orders.close(ready)
    lines.close(line_rows)
    return {"backorders": backorders, "invoices": len(ready), "invoice lines": len(line_rows)}


def _split(world: World, context: StepContext, rows: Array) -> int:
    """Move the unpicked lines of these orders to new orders (backorders)."""
    if not len(rows):
        return 0
    orders, lines = world.orders, world.order_lines
    new_ids = world.take_ids("order", len(rows))
    copied = ("customer_id", "salesperson_person_id", "contact_person_id", "order_date",
              "expected_delivery_date", "customer_purchase_order_number")  # fmt: skip
    orders.append(
        order_id=new_ids,
        **{name: orders[name][rows] for name in copied},
        is_undersupply_backordered=True,
        **context.stamp,
    )
    moving = np.flatnonzero(
        np.isnat(lines["picking_completed_when"]) & np.isin(lines["order_id"], orders["order_id"][rows])
    )
    old = np.searchsorted(orders["order_id"][rows], lines["order_id"][moving])
    lines.set(moving, order_id=new_ids[old], **context.stamp)
    orders.set(rows, backorder_order_id=new_ids, picking_completed_when=context.when, **context.stamp)
    return len(rows)


def _write(world: World, context: StepContext, order_rows: Array, line_rows: Array, document: Array) -> None:
    """Write invoices, lines, stock issues and ledger entries; `document` is the index of a line's invoice."""
    lines, items, count = world.order_lines, world.stock_items, len(order_rows)
    chiller = items["is_chiller_stock"][items.rows(lines["stock_item_id"][line_rows])]
    dry = np.bincount(document[~chiller], minlength=count)
    chilled = np.bincount(document[chiller], minlength=count)
    invoice_ids = _write_headers(world, context, order_rows, dry, chilled)
    amounts = _write_lines(world, context, line_rows, invoice_ids[document])
    move_stock(
        world,
        context,
        STOCK_ISSUE,
        lines["stock_item_id"][line_rows],
        -lines["quantity"][line_rows],
        customer_id=world.orders["customer_id"][order_rows][document],
        invoice_id=invoice_ids[document],
    )
    book_receivable(world, context, CUSTOMER_INVOICE, invoice_ids, amounts.per(document, count))


def _write_headers(
    world: World, context: StepContext, order_rows: Array, dry: Array, chilled: Array
) -> Array:
    """Write one invoice per order, with its numbers of dry and chilled lines; return their ids."""
    orders, customers = world.orders, world.customers
    invoice_ids = world.take_ids("invoice", len(order_rows))
    places = customers.rows(orders["customer_id"][order_rows])
    bill_to = customers["bill_to_customer_id"][places]
    world.invoices.append(
        invoice_id=invoice_ids,
        customer_id=customers["customer_id"][places],
        bill_to_customer_id=bill_to,
        order_id=orders["order_id"][order_rows],
        delivery_method_id=customers["delivery_method_id"][places],
        contact_person_id=orders["contact_person_id"][order_rows],
        accounts_person_id=customers["primary_contact_person_id"][customers.rows(bill_to)],
        salesperson_person_id=orders["salesperson_person_id"][order_rows],
        packed_by_person_id=int(context.rng.choice(world.employees)),
        invoice_date=context.today,
        customer_purchase_order_number=orders["customer_purchase_order_number"][order_rows],
        is_credit_note=False,
        delivery_instructions=[
            ", ".join(part for part in parts if part)
            for parts in zip(
                customers["delivery_address_line_1"][places],
                customers["delivery_address_line_2"][places],
                strict=True,
            )
        ],
        total_dry_items=dry,
        total_chiller_items=chilled,
        delivery_run=customers["delivery_run"][places],
        run_position=customers["run_position"][places],
        returned_delivery_data=[ready_document(number, context.when) for number in invoice_ids.tolist()],
        **context.stamp,
    )
    return invoice_ids


def _write_lines(world: World, context: StepContext, line_rows: Array, invoice_ids: Array) -> Amounts:
    """Write an invoice line per order line; return their amounts."""
    lines, holdings = world.order_lines, world.stock_item_holdings
    quantity, price = lines["picked_quantity"][line_rows], lines["unit_price"][line_rows]
    cost = holdings["last_cost_price"][holdings.rows(lines["stock_item_id"][line_rows])]
    net = quantity * price
    taxes = tax(quantity, price, lines["tax_rate"][line_rows])
    copied = ("stock_item_id", "description", "package_type_id", "unit_price", "tax_rate")
    world.invoice_lines.append(
        invoice_line_id=world.take_ids("invoice_line", len(line_rows)),
        invoice_id=invoice_ids,
        **{name: lines[name][line_rows] for name in copied},
        quantity=quantity,
        tax_amount=taxes,
        line_profit=quantity * (price - cost),
        extended_price=net + taxes,
        **context.stamp,
    )
    return Amounts(net, taxes)
