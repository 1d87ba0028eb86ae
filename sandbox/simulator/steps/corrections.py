"""Correct rows that were finished long ago; the original does not do this.

These corrections make `last_edited_when` unreliable: a corrected order or payment has an older timestamp,
and a corrected invoice keeps its timestamp. Ids are drawn at random from all ids so far; live rows are
skipped, and ids that do not exist or are of another kind change nothing.
"""

import numpy as np

from sandbox.simulator.columns import Array, Columns
from sandbox.simulator.seeding.reference import CHECK, CUSTOMER_PAYMENT
from sandbox.simulator.sheet import Sheet
from sandbox.simulator.world import StepContext, World

BACKDATED_DAYS = 20
# about one in this many ledger and stock entries is a customer payment
ENTRIES_PER_PAYMENT = 15
_ORDER_COMMENTS = ("Customer called: wrong reference", "Signed slip filed under Ümlaut & Co.", "")
_INVOICE_COMMENTS = ("Proof of delivery scanned", "Query closed; see e-mail of the customer's accountant")


def correct_old_rows(world: World, context: StepContext) -> dict[str, int]:
    """Correct a few old orders, invoices and payments."""
    return {
        "corrected orders": _correct_orders(world, context),
        "corrected invoices": _correct_invoices(world, context),
        "ids tried for payment corrections": _correct_payments(world, context),
    }


def _correct_orders(world: World, context: StepContext) -> int:
    rate = world.parameters.extensions.order_corrections_per_day
    orders = _finished(world, context, world.orders, "order", rate)
    comments = context.rng.choice(np.array(_ORDER_COMMENTS, dtype=object), len(orders))
    world.patch(
        "sales.orders", {"order_id": orders, "comments": comments, **_backdated(context, len(orders))}
    )
    return len(orders)


def _correct_invoices(world: World, context: StepContext) -> int:
    rate = world.parameters.extensions.invoice_corrections_per_day
    invoices = _finished(world, context, world.invoices, "invoice", rate)
    comments = context.rng.choice(np.array(_INVOICE_COMMENTS, dtype=object), len(invoices))
    world.patch("sales.invoices", {"invoice_id": invoices, "internal_comments": comments})
    return len(invoices)


def _correct_payments(world: World, context: StepContext) -> int:
    rate = world.parameters.extensions.payment_corrections_per_day * ENTRIES_PER_PAYMENT
    entries = _finished(world, context, world.customer_transactions, "transaction", rate)
    world.patch(
        "sales.customer_transactions",
        {
            "customer_transaction_id": entries,
            "payment_method_id": np.full(len(entries), CHECK),
            **_backdated(context, len(entries)),
        },
        only=f"t.transaction_type_id = {CUSTOMER_PAYMENT}",
    )
    return len(entries)


def _backdated(context: StepContext, count: int) -> Columns:
    days = context.rng.integers(1, BACKDATED_DAYS, count, endpoint=True)
    return {
        "last_edited_by": np.full(count, context.editor),
        "last_edited_when": context.when - days * np.timedelta64(1, "D"),
    }


def _finished(world: World, context: StepContext, sheet: Sheet, counter: str, rate: float) -> Array:
    """Return random ids of rows that are no longer in the sheet."""
    given_out = world.next_ids[counter] - 1
    count = int(context.rng.poisson(rate * world.parameters.scale)) if given_out else 0
    ids = np.unique(context.rng.integers(1, max(1, given_out), count, endpoint=True))
    return ids[~sheet.holds(ids)]
