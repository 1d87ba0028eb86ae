"""Picking (business_rules.md, section 5): whole lines only, oldest order first."""

import numpy as np

from sandbox.simulator.columns import Array
from sandbox.simulator.world import StepContext, World


def pick(world: World, context: StepContext) -> dict[str, int]:
    """Pick every open line that is in stock; a later, smaller line can be picked before an earlier one."""
    lines, holdings = world.order_lines, world.stock_item_holdings
    picked = ~np.isnat(lines["picking_completed_when"])
    waiting = np.flatnonzero(~picked)
    walk = waiting[np.lexsort((lines["order_line_id"][waiting], lines["order_id"][waiting]))]
    places = holdings.rows(lines["stock_item_id"])
    set_aside = np.bincount(places[picked], lines["quantity"][picked], len(holdings)).astype(np.int64)
    available = holdings["quantity_on_hand"] - set_aside
    served = walk[_serve(places[walk], lines["quantity"][walk], available)]
    lines.set(
        served,
        picked_quantity=lines["quantity"][served],
        picking_completed_when=context.when,
        **context.stamp,
    )
    _complete_orders(world, context)
    return {"picked lines": len(served)}


def _serve(places: Array, quantities: Array, available: Array) -> Array:
    """Return which lines can be served, in order, from the stock that is available of each item."""
    left = available.tolist()
    served = []
    for place, quantity in zip(places.tolist(), quantities.tolist(), strict=True):
        enough = left[place] >= quantity
        if enough:
            left[place] -= quantity
        served.append(enough)
    return np.array(served, dtype=bool)


def _complete_orders(world: World, context: StepContext) -> None:
    """Set the picking time of the orders without open lines."""
    orders, lines = world.orders, world.order_lines
    waiting = orders.rows(lines["order_id"][np.isnat(lines["picking_completed_when"])])
    complete = np.isnat(orders["picking_completed_when"])
    complete[waiting] = False
    orders.set(
        np.flatnonzero(complete),
        picked_by_person_id=context.editor,
        picking_completed_when=context.when,
        **context.stamp,
    )
