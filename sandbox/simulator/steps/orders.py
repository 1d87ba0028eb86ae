"""Customer orders (business_rules.md, sections 2.2 and 4), late ones, and their cancellation.

Late orders and cancellations are not in the original. An order of 16:30 is picked the next day unless it is
cancelled before: then it is deleted with its lines, which nothing references yet.
"""

from datetime import date, timedelta

import numpy as np

from sandbox.simulator.columns import Array
from sandbox.simulator.steps.pricing import customer_prices
from sandbox.simulator.world import StepContext, World

AVERAGE_ORDERS = 60
SATURDAY, SUNDAY = 5, 6
MOST_LINES, MOST_OUTERS = 5, 10
LATE_HOUR = np.timedelta64(16 * 60 + 30, "m")
_YEAR_PERCENT = {2013: 100, 2014: 112, 2015: 121, 2016: 123}
_COMMENTS = (
    "Ring the bell twice; the doorman's name is José.",
    'Label boxes "FRAGILE", one per outer',
    "Deliver before 9 a.m.,\nnot after",
    "Gate code 4711 | call first",
    "Gift: keep the price off the slip",
)


def orders_of_day(day: date, scale: float, rng: np.random.Generator) -> int:
    """Return the number of orders of a day: random around an average, fewer on Saturday, more every year."""
    average = max(2, round(AVERAGE_ORDERS * scale))
    orders = average // 2 + int(rng.integers(1, average, endpoint=True))
    weekday_percent = {SATURDAY: 50, SUNDAY: 0}.get(day.weekday(), 100)
    year_percent = 100 if day.year < 2013 else _YEAR_PERCENT.get(day.year, 126)
    return orders * weekday_percent // 100 * year_percent // 100


def take_orders(world: World, context: StepContext) -> dict[str, int]:
    """Take the orders of the day."""
    return _take(world, context, orders_of_day(context.day, world.parameters.scale, context.rng))


def take_late_orders(world: World, context: StepContext) -> dict[str, int]:
    """Take the few orders that arrive after picking."""
    usual = orders_of_day(context.day, world.parameters.scale, context.rng)
    late = int(context.rng.binomial(usual, world.parameters.extensions.late_order_share))
    return {**_take(world, context, late), "late orders": late}


def cancel_orders(world: World, context: StepContext) -> dict[str, int]:
    """Delete some of yesterday's late orders."""
    orders, lines = world.orders, world.order_lines
    late = np.flatnonzero(orders["last_edited_when"] == context.today - np.timedelta64(1, "D") + LATE_HOUR)
    cancelled = late[context.rng.random(len(late)) < world.parameters.extensions.cancelled_share]
    if not len(cancelled):
        return {}
    order_ids = orders.remove(cancelled)
    world.delete("sales.orders", order_ids)
    line_ids = lines.remove(np.isin(lines["order_id"], order_ids))
    world.delete("sales.order_lines", line_ids)
    return {"cancelled orders": len(order_ids), "cancelled order lines": len(line_ids)}


def _take(world: World, context: StepContext, count: int) -> dict[str, int]:
    if not count:
        return {}
    rng, customers = context.rng, world.customers
    customer_rows = rng.choice(np.flatnonzero(~customers["is_on_credit_hold"]), count)
    order_ids = world.take_ids("order", count)
    world.orders.append(
        order_id=order_ids,
        customer_id=customers["customer_id"][customer_rows],
        salesperson_person_id=rng.choice(world.salespeople, count),
        contact_person_id=customers["primary_contact_person_id"][customer_rows],
        order_date=context.today,
        expected_delivery_date=np.datetime64(_next_working_day(context.day)),
        customer_purchase_order_number=[str(number) for number in rng.integers(10_001, 20_001, count)],
        is_undersupply_backordered=True,
        comments=_comments(rng, count, world.parameters.extensions.comment_share),
        **context.stamp,
    )
    return {"orders": count, "order lines": _take_lines(world, context, customer_rows, order_ids)}


def _take_lines(world: World, context: StepContext, customer_rows: Array, order_ids: Array) -> int:
    rng, items = context.rng, world.stock_items
    per_order = rng.integers(2, MOST_LINES, len(order_ids), endpoint=True)
    chance = rng.random((len(order_ids), len(items)))
    # the items with the five smallest random numbers: distinct and in random order
    smallest = np.argpartition(chance, MOST_LINES, axis=1)[:, :MOST_LINES]
    order = np.argsort(np.take_along_axis(chance, smallest, axis=1), axis=1)
    item_rows = np.take_along_axis(smallest, order, axis=1)[np.arange(MOST_LINES) < per_order[:, None]]
    count = len(item_rows)
    outers = rng.integers(1, MOST_OUTERS, count, endpoint=True)
    world.order_lines.append(
        order_line_id=world.take_ids("order_line", count),
        order_id=np.repeat(order_ids, per_order),
        stock_item_id=items["stock_item_id"][item_rows],
        description=items["stock_item_name"][item_rows],
        package_type_id=items["unit_package_id"][item_rows],
        quantity=items["quantity_per_outer"][item_rows] * outers,
        unit_price=customer_prices(world, np.repeat(customer_rows, per_order), item_rows, context.today),
        tax_rate=items["tax_rate"][item_rows],
        picked_quantity=0,
        **context.stamp,
    )
    return count


def _next_working_day(day: date) -> date:
    following = day + timedelta(days=1)
    return following + timedelta(
        days=max(0, 7 - following.weekday()) if following.weekday() >= SATURDAY else 0
    )


def _comments(rng: np.random.Generator, count: int, share: float) -> list[str | None]:
    """Return comments: null for most orders; half of the others are empty strings, half are text."""
    says, what = rng.random(count), rng.integers(0, len(_COMMENTS), count)
    return [
        None if chance >= share else ("" if chance < share / 2 else _COMMENTS[text])
        for chance, text in zip(says.tolist(), what.tolist(), strict=True)
    ]
