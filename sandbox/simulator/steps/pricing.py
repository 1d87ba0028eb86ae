"""The price of an item for a customer: list price or best special deal (business_rules.md, section 11).

A percentage deal charges the remainder of the price (the reference's correction 5).
"""

import numpy as np

from sandbox.simulator.columns import NULL, Array
from sandbox.simulator.money import rounded
from sandbox.simulator.world import World

MIN_PRICE = 1  # cent


def customer_prices(world: World, customer_rows: Array, item_rows: Array, today: np.datetime64) -> Array:
    """Return the price in cents for each pair of customer row and item row on that day.

    It is the lowest of the list price, the lowest deal price, the list price minus the highest amount, and
    minus the highest percentage; deals are not combined.
    """
    deals = world.special_deals
    listed = world.stock_items["unit_price"][item_rows]
    lowest, amount, percentage = listed.copy(), np.zeros_like(listed), np.zeros_like(listed)
    for deal in np.flatnonzero((deals["start_date"] <= today) & (today <= deals["end_date"])).tolist():
        applies = _applies(world, deal, customer_rows, item_rows)
        for best, column, better in (
            (lowest, "unit_price", np.minimum),
            (amount, "discount_amount", np.maximum),
            (percentage, "discount_percentage", np.maximum),
        ):
            if (value := deals[column][deal]) != NULL:
                best[applies] = better(best[applies], value)
    # percentages are in thousandths
    remainder = rounded(listed * (100_000 - percentage), 100_000)
    return np.asarray(np.maximum(MIN_PRICE, np.minimum(np.minimum(lowest, listed - amount), remainder)))


def _applies(world: World, deal: int, customer_rows: Array, item_rows: Array) -> Array:
    """Return for which pairs every selector of the deal is null or matches."""
    applies = np.ones(len(item_rows), dtype=bool)
    for column, values in (
        ("stock_item_id", world.stock_items["stock_item_id"][item_rows]),
        ("customer_id", world.customers["customer_id"][customer_rows]),
        ("buying_group_id", world.customers["buying_group_id"][customer_rows]),
        ("customer_category_id", world.customers["customer_category_id"][customer_rows]),
    ):
        if (wanted := world.special_deals[column][deal]) != NULL:
            applies &= values == wanted
    if (group := world.special_deals["stock_group_id"][deal]) != NULL:
        members = world.stock_item_stock_groups
        in_group = members["stock_item_id"][members["stock_group_id"] == group]
        applies &= np.isin(world.stock_items["stock_item_id"][item_rows], in_group)
    return applies
