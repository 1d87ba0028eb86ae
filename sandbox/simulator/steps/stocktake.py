"""Stocktakes at the ends of the fiscal quarters (business_rules.md, section 10), with correction 6.

The original books adjustments without changing the quantity on hand; here the stock follows.
"""

from datetime import date

import numpy as np

from sandbox.simulator.seeding.reference import STOCK_ADJUSTMENT
from sandbox.simulator.steps.stock import move_stock
from sandbox.simulator.world import StepContext, World

_DAYS = {(1, 31), (4, 30), (7, 31), (10, 31)}


def is_stocktake_day(day: date) -> bool:
    """Return whether a fiscal quarter ends on that day."""
    return (day.month, day.day) in _DAYS


def take_stock(world: World, context: StepContext) -> dict[str, int]:
    """Count all items; one to five counts differ from the stock."""
    holdings, rng = world.stock_item_holdings, context.rng
    adjustments = int(rng.integers(1, 5, endpoint=True))
    for quantity in rng.integers(-5, 4, adjustments, endpoint=True).tolist():
        possible = np.flatnonzero(holdings["quantity_on_hand"] + quantity >= 0)
        item = holdings["stock_item_id"][rng.choice(possible, 1)]
        move_stock(world, context, STOCK_ADJUSTMENT, item, np.array([quantity]))
    everything = np.arange(len(holdings))
    holdings.set(everything, last_stocktake_quantity=holdings["quantity_on_hand"], **context.stamp)
    return {"stocktakes": 1, "stock adjustments": adjustments}
