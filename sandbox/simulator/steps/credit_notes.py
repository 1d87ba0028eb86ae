"""Write credit notes, as described in business_rules.md, section 18; the original never writes any.

A credit note is an invoice without an order, with negative quantities and amounts. If goods are returned, a
positive stock transaction raises the stock. The customer's next payment settles the ledger entry.
"""

import numpy as np

from sandbox.simulator.columns import Array
from sandbox.simulator.money import tax
from sandbox.simulator.seeding.reference import CUSTOMER_CREDIT_NOTE, STOCK_ISSUE
from sandbox.simulator.steps.ledger import Amounts, book_receivable
from sandbox.simulator.steps.stock import move_stock
from sandbox.simulator.world import StepContext, World

_REASONS = ("Goods damaged in transit", "Short delivery", "Wrong article sent", "Customer's change of mind")


def credit(world: World, context: StepContext) -> dict[str, int]:
    """Credit a line of some of the invoices that were delivered today."""
    invoices, lines, rng = world.invoices, world.invoice_lines, context.rng
    delivered = np.flatnonzero(~np.isnat(invoices["confirmed_delivery_time"]))
    chosen = delivered[rng.random(len(delivered)) < world.parameters.extensions.credit_note_share]
    if not len(chosen):
        return {}
    numbers = invoices["invoice_id"][chosen].tolist()
    credited = np.array([rng.choice(np.flatnonzero(lines["invoice_id"] == number)) for number in numbers])
    quantity = -rng.integers(1, lines["quantity"][credited], endpoint=True)
    ids = _write_headers(world, context, chosen, credited)
    amounts = _write_lines(world, context, ids, credited, quantity)
    book_receivable(world, context, CUSTOMER_CREDIT_NOTE, ids, amounts)
    returned = rng.random(len(ids)) < world.parameters.extensions.goods_returned_share
    move_stock(
        world,
        context,
        STOCK_ISSUE,
        lines["stock_item_id"][credited][returned],
        -quantity[returned],
        customer_id=invoices["customer_id"][chosen][returned],
        invoice_id=ids[returned],
    )
    return {"credit notes": len(ids)}


def _write_headers(world: World, context: StepContext, chosen: Array, credited: Array) -> Array:
    """Write the credit notes' headers and return their ids."""
    invoices, items = world.invoices, world.stock_items
    ids = world.take_ids("invoice", len(chosen))
    item_rows = items.rows(world.invoice_lines["stock_item_id"][credited])
    chilled = items["is_chiller_stock"][item_rows].astype(np.int64)
    copied = ("customer_id", "bill_to_customer_id", "delivery_method_id", "contact_person_id",
              "accounts_person_id", "salesperson_person_id", "packed_by_person_id",
              "customer_purchase_order_number", "delivery_run", "run_position")  # fmt: skip
    rows = invoices.append(
        invoice_id=ids,
        **{name: invoices[name][chosen] for name in copied},
        invoice_date=context.today,
        is_credit_note=True,
        credit_note_reason=context.rng.choice(np.array(_REASONS, dtype=object), len(ids)),
        comments=[f"Credit for invoice {number}" for number in invoices["invoice_id"][chosen]],
        total_dry_items=1 - chilled,
        total_chiller_items=chilled,
        **context.stamp,
    )
    invoices.close(rows)
    return ids


def _write_lines(world: World, context: StepContext, ids: Array, credited: Array, quantity: Array) -> Amounts:
    """Write one line per credit note; return their amounts, all negative."""
    lines, holdings = world.invoice_lines, world.stock_item_holdings
    price = lines["unit_price"][credited]
    cost = holdings["last_cost_price"][holdings.rows(lines["stock_item_id"][credited])]
    net, taxes = quantity * price, tax(quantity, price, lines["tax_rate"][credited])
    copied = ("stock_item_id", "description", "package_type_id", "unit_price", "tax_rate")
    rows = lines.append(
        invoice_line_id=world.take_ids("invoice_line", len(ids)),
        invoice_id=ids,
        **{name: lines[name][credited] for name in copied},
        quantity=quantity,
        tax_amount=taxes,
        line_profit=quantity * (price - cost),
        extended_price=net + taxes,
        **context.stamp,
    )
    lines.close(rows)
    return Amounts(net, taxes)
