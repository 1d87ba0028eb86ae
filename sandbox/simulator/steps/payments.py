"""Payments by customers and to suppliers, with the reference's correction 9: payment terms are used.

The original pays everything on the next day or next Monday. Here an invoice is due after a delay around the
payment days of the customer or supplier. The entries are those of the original (sections 8 and 9.3).
"""

from dataclasses import dataclass

import numpy as np

from sandbox.simulator.columns import Array
from sandbox.simulator.seeding.reference import (
    CUSTOMER_CREDIT_NOTE,
    CUSTOMER_INVOICE,
    CUSTOMER_PAYMENT,
    EFT,
    SUPPLIER_INVOICE,
    SUPPLIER_PAYMENT,
)
from sandbox.simulator.sheet import Sheet
from sandbox.simulator.steps.ledger import totals
from sandbox.simulator.streams import keyed_uniform
from sandbox.simulator.world import StepContext, World

# share of invoices up to here -> paid after this multiple of the payment days (linear between)
_DELAY_SHARES, _DELAY_FACTORS = (0.0, 0.7, 0.95, 1.0), (0.6, 1.0, 1.5, 2.5)


@dataclass(frozen=True)
class Ledger:
    """A ledger: its entries, its parties, and the transaction types of its invoices and payments."""

    entries: Sheet
    parties: Sheet
    invoice: int
    payment: int

    @property
    def party(self) -> str:
        """Return the column of the entries with the id of the party."""
        return self.parties.key


def receive_payments(world: World, context: StepContext) -> dict[str, int]:
    """Book one payment per customer for what is due, less open credit notes."""
    entries = world.customer_transactions
    ledger = Ledger(entries, world.customers, CUSTOMER_INVOICE, CUSTOMER_PAYMENT)
    due = _due(world, context, ledger)
    credit = np.isnat(entries["finalization_date"]) & (entries["transaction_type_id"] == CUSTOMER_CREDIT_NOTE)
    credit &= np.isin(entries["customer_id"], entries["customer_id"][due])
    return {"customer payments": _settle(world, context, ledger, due | credit)}


def pay_suppliers(world: World, context: StepContext) -> dict[str, int]:
    """Book one payment per supplier for what is due."""
    ledger = Ledger(world.supplier_transactions, world.suppliers, SUPPLIER_INVOICE, SUPPLIER_PAYMENT)
    return {"supplier payments": _settle(world, context, ledger, _due(world, context, ledger))}


def _due(world: World, context: StepContext, ledger: Ledger) -> Array:
    """Return which invoices of a ledger are due: the delay of each follows from its id."""
    entries, parties = ledger.entries, ledger.parties
    days = parties["payment_days"][parties.rows(entries[ledger.party])]
    chance = keyed_uniform(world.parameters.seed, "payment", entries[entries.key])
    delay = np.maximum(1, np.round(days * np.interp(chance, _DELAY_SHARES, _DELAY_FACTORS))).astype(np.int64)
    is_open = np.isnat(entries["finalization_date"]) & (entries["transaction_type_id"] == ledger.invoice)
    return np.asarray(is_open & (entries["transaction_date"] + delay <= context.today))


def _settle(world: World, context: StepContext, ledger: Ledger, settled: Array) -> int:
    """Finalize entries and book a payment per party; parties that owe nothing in total are skipped."""
    entries = ledger.entries
    rows = np.flatnonzero(settled)
    parties, place = np.unique(entries[ledger.party][rows], return_inverse=True)
    sums = totals(place, entries["outstanding_balance"][rows], len(parties))
    owes = sums > 0
    entries.set(
        rows[owes[place]],
        outstanding_balance=0,
        finalization_date=context.today,
        is_finalized=True,
        **context.stamp,
    )
    entries.close(rows[owes[place]])
    count = int(owes.sum())
    if count:
        payments: dict[str, object] = {
            entries.key: world.take_ids("transaction", count),
            ledger.party: parties[owes],
            "transaction_type_id": ledger.payment,
            "payment_method_id": EFT,
        }
        entries.close(entries.append(**payments, **_payment(context, sums[owes])))
    return count


def _payment(context: StepContext, sums: Array) -> dict[str, object]:
    return {
        "transaction_date": context.today,
        "amount_excluding_tax": 0,
        "tax_amount": 0,
        "transaction_amount": -sums,
        "outstanding_balance": 0,
        "finalization_date": context.today,
        "is_finalized": True,
        **context.stamp,
    }
