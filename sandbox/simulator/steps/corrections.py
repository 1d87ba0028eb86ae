"""Corrections to rows that were finished long ago, which the original never makes.

They are what makes `last_edited_when` a bad guide: a corrected order or payment carries a stamp in the past,
and a corrected invoice keeps the stamp that it had. Ids are drawn blindly among those given out so far; rows
that are still live are left alone, and ids that are gone or of another kind change nothing.
"""

import numpy as np

from sandbox.simulator.columns import Array, Columns
from sandbox.simulator.seeding.reference import CHECK, CUSTOMER_PAYMENT
from sandbox.simulator.sheet import Sheet
from sandbox.simulator.world import Moment, World

BACKDATED_DAYS = 20
# about one in so many ledger and stock entries is a customer payment
ENTRIES_PER_PAYMENT = 15
_ORDER_COMMENTS = ("Customer called: wrong reference", "Signed slip filed under Ümlaut & Co.", "")
_INVOICE_COMMENTS = ("Proof of delivery scanned", "Query closed; see e-mail of the customer's accountant")


def correct_old_rows(world: World, moment: Moment) -> dict[str, int]:
    """Correct a few old orders, invoices and payments."""
    return {
        "corrected orders": _correct_orders(world, moment),
        "corrected invoices": _correct_invoices(world, moment),
        "ids tried for payment corrections": _correct_payments(world, moment),
    }


def _correct_orders(world: World, moment: Moment) -> int:
    rate = world.parameters.extensions.order_corrections_per_day
    orders = _finished(world, moment, world.orders, "order", rate)
    comments = moment.rng.choice(np.array(_ORDER_COMMENTS, dtype=object), len(orders))
    world.patch("sales.orders", {"order_id": orders, "comments": comments, **_backdated(moment, len(orders))})
    return len(orders)


def _correct_invoices(world: World, moment: Moment) -> int:
    rate = world.parameters.extensions.invoice_corrections_per_day
    invoices = _finished(world, moment, world.invoices, "invoice", rate)
    comments = moment.rng.choice(np.array(_INVOICE_COMMENTS, dtype=object), len(invoices))
    world.patch("sales.invoices", {"invoice_id": invoices, "internal_comments": comments})
    return len(invoices)


def _correct_payments(world: World, moment: Moment) -> int:
    rate = world.parameters.extensions.payment_corrections_per_day * ENTRIES_PER_PAYMENT
    entries = _finished(world, moment, world.customer_transactions, "transaction", rate)
    world.patch(
        "sales.customer_transactions",
        {
            "customer_transaction_id": entries,
            "payment_method_id": np.full(len(entries), CHECK),
            **_backdated(moment, len(entries)),
        },
        only=f"t.transaction_type_id = {CUSTOMER_PAYMENT}",
    )
    return len(entries)


def _backdated(moment: Moment, count: int) -> Columns:
    days = moment.rng.integers(1, BACKDATED_DAYS, count, endpoint=True)
    return {
        "last_edited_by": np.full(count, moment.editor),
        "last_edited_when": moment.when - days * np.timedelta64(1, "D"),
    }


def _finished(world: World, moment: Moment, sheet: Sheet, counter: str, rate: float) -> Array:
    """Return ids that were given out and are no longer in the sheet."""
    given_out = world.next_ids[counter] - 1
    count = int(moment.rng.poisson(rate * world.parameters.scale)) if given_out else 0
    ids = np.unique(moment.rng.integers(1, max(1, given_out), count, endpoint=True))
    return ids[~sheet.holds(ids)]
