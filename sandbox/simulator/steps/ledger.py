"""The customer ledger: open entries of the billed customer (business_rules.md, section 6)."""

from typing import NamedTuple

import numpy as np

from sandbox.simulator.columns import Array
from sandbox.simulator.world import StepContext, World


class Amounts(NamedTuple):
    """Amounts in cents: without tax, and the tax."""

    net: Array
    tax: Array

    def per(self, document: Array, documents: int) -> "Amounts":
        """Return the sums per document; `document` is the index of each amount's document."""
        return Amounts(totals(document, self.net, documents), totals(document, self.tax, documents))


def book_receivable(
    world: World, context: StepContext, kind: int, invoice_ids: Array, amounts: Amounts
) -> None:
    """Add one open entry per invoice or credit note for the billed customer."""
    world.customer_transactions.append(
        customer_transaction_id=world.take_ids("transaction", len(invoice_ids)),
        customer_id=world.invoices["bill_to_customer_id"][world.invoices.rows(invoice_ids)],
        transaction_type_id=kind,
        invoice_id=invoice_ids,
        transaction_date=context.today,
        amount_excluding_tax=amounts.net,
        tax_amount=amounts.tax,
        transaction_amount=amounts.net + amounts.tax,
        outstanding_balance=amounts.net + amounts.tax,
        is_finalized=False,
        **context.stamp,
    )


def totals(document: Array, amounts: Array, documents: int) -> Array:
    """Return the sum per document, exact in cents."""
    sums = np.zeros(documents, dtype=np.int64)
    np.add.at(sums, document, amounts)
    return sums
