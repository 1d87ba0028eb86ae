"""Payments by customers and to suppliers, with the reference's correction 9: terms matter, so that debts age.

The original pays everything on the next day, or next Monday. Here an invoice falls due after a delay around
the payment days of the customer or supplier; the entries keep the original's shapes (sections 8 and 9.3).
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
from sandbox.simulator.world import Moment, World

# share of invoices up to here -> paid after this multiple of the payment days (linear between)
_DELAY_SHARES, _DELAY_FACTORS = (0.0, 0.7, 0.95, 1.0), (0.6, 1.0, 1.5, 2.5)


@dataclass(frozen=True)
class Ledger:
    """A ledger: its entries, who they are for, and the transaction types of its invoices and payments."""

    entries: Sheet
    parties: Sheet
    invoice: int
    payment: int

    @property
    def party(self) -> str:
        """The column of the entries that names the party."""
        return self.parties.key


def receive_payments(world: World, moment: Moment) -> dict[str, int]:
    """Let customers pay what is due, less their open credit notes; one payment per customer."""
    entries = world.customer_transactions
    ledger = Ledger(entries, world.customers, CUSTOMER_INVOICE, CUSTOMER_PAYMENT)
    due = _due(world, moment, ledger)
    credit = np.isnat(entries["finalization_date"]) & (entries["transaction_type_id"] == CUSTOMER_CREDIT_NOTE)
    credit &= np.isin(entries["customer_id"], entries["customer_id"][due])
    return {"customer payments": _settle(world, moment, ledger, due | credit)}


def pay_suppliers(world: World, moment: Moment) -> dict[str, int]:
    """Pay what is due to suppliers; one payment per supplier."""
    ledger = Ledger(world.supplier_transactions, world.suppliers, SUPPLIER_INVOICE, SUPPLIER_PAYMENT)
    return {"supplier payments": _settle(world, moment, ledger, _due(world, moment, ledger))}


def _due(world: World, moment: Moment, ledger: Ledger) -> Array:
    """Tell which invoices of a ledger are due: each has its own delay, which follows from its id."""
    entries, parties = ledger.entries, ledger.parties
    days = parties["payment_days"][parties.rows(entries[ledger.party])]
    chance = keyed_uniform(world.parameters.seed, "payment", entries[entries.key])
    delay = np.maximum(1, np.round(days * np.interp(chance, _DELAY_SHARES, _DELAY_FACTORS))).astype(np.int64)
    is_open = np.isnat(entries["finalization_date"]) & (entries["transaction_type_id"] == ledger.invoice)
    return np.asarray(is_open & (entries["transaction_date"] + delay <= moment.today))


def _settle(world: World, moment: Moment, ledger: Ledger, settled: Array) -> int:
    """Finalize entries and book a payment per party; a party that owes nothing in sum is left out."""
    entries = ledger.entries
    rows = np.flatnonzero(settled)
    parties, place = np.unique(entries[ledger.party][rows], return_inverse=True)
    sums = totals(place, entries["outstanding_balance"][rows], len(parties))
    owes = sums > 0
    entries.set(
        rows[owes[place]],
        outstanding_balance=0,
        finalization_date=moment.today,
        is_finalized=True,
        **moment.stamp,
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
        entries.close(entries.append(**payments, **_payment(moment, sums[owes])))
    return count


def _payment(moment: Moment, sums: Array) -> dict[str, object]:
    return {
        "transaction_date": moment.today,
        "amount_excluding_tax": 0,
        "tax_amount": 0,
        "transaction_amount": -sums,
        "outstanding_balance": 0,
        "finalization_date": moment.today,
        "is_finalized": True,
        **moment.stamp,
    }
