"""Stock movements: the only way in which quantities on hand change."""

import numpy as np

from sandbox.simulator.columns import Array
from sandbox.simulator.world import StepContext, World


def move_stock(
    world: World, context: StepContext, kind: int, items: Array, quantities: Array, **document: Array
) -> None:
    """Write one movement per item and signed quantity, and change the stock by it.

    `document` is what caused it: `customer_id` and `invoice_id`, or `supplier_id` and `purchase_order_id`.
    """
    if not len(items):
        return
    world.insert(
        "warehouse.stock_item_transactions",
        stock_item_transaction_id=world.take_ids("transaction", len(items)),
        stock_item_id=items,
        transaction_type_id=kind,
        transaction_occurred_when=context.when,
        quantity=quantities * 1000,
        **document,
        **context.stamp,
    )
    holdings = world.stock_item_holdings
    change = np.bincount(holdings.rows(items), quantities, len(holdings)).astype(np.int64)
    moved = np.unique(holdings.rows(items))
    holdings.set(moved, quantity_on_hand=holdings["quantity_on_hand"][moved] + change[moved], **context.stamp)
