"""Change master data as real companies do; the original does not (section 18).

The rates are in `parameters.Extensions`.
"""

import numpy as np

from sandbox.simulator.columns import Array
from sandbox.simulator.money import rounded
from sandbox.simulator.seeding.addresses import addresses, phones
from sandbox.simulator.seeding.catalogue import retail_price
from sandbox.simulator.seeding.parties import GIFT_STORE, NOVELTY_SHOP
from sandbox.simulator.world import StepContext, World

MAX_PRICE_CHANGE = 8  # percent
LONGEST_DEAL_DAYS = 60


def drift(world: World, context: StepContext) -> dict[str, int]:
    """Change a few prices, addresses, credit limits and categories, and make a deal."""
    rates = world.parameters.extensions
    return {
        "price changes": _change_prices(world, context, rates.price_changes_per_day),
        "address changes": _change_addresses(world, context, rates.address_changes_per_day),
        "credit limit changes": _change_credit(world, context, rates.credit_changes_per_day),
        "category changes": _change_categories(world, context, rates.category_changes_per_day),
        "special deals": _make_deals(world, context, rates.deals_per_day),
    }


def random_rows(context: StepContext, candidates: Array, expected: float) -> Array:
    """Return random candidates, each at most once; `expected` is the average number."""
    count = min(int(context.rng.poisson(expected)), len(candidates))
    return np.sort(context.rng.choice(candidates, count, replace=False))


def _change_prices(world: World, context: StepContext, expected: float) -> int:
    """Change list prices; existing orders keep theirs. The number of items does not follow the scale."""
    items = world.stock_items
    rows = random_rows(context, np.arange(len(items)), expected)
    percent = context.rng.integers(-MAX_PRICE_CHANGE, MAX_PRICE_CHANGE, len(rows), endpoint=True)
    price = np.maximum(1, rounded(items["unit_price"][rows] * (100 + percent), 100))
    items.set(
        rows, unit_price=price, recommended_retail_price=retail_price(price), last_edited_by=context.editor
    )
    return len(rows)


def _change_addresses(world: World, context: StepContext, expected: float) -> int:
    customers, rng = world.customers, context.rng
    rows = random_rows(context, np.arange(len(customers)), expected * world.parameters.scale)
    cities = rng.choice(world.cities["city_id"], len(rows))
    customers.set(
        rows,
        **addresses(rng, len(rows), cities),
        **phones(rng, len(rows)),
        last_edited_by=context.editor,
    )
    return len(rows)


def _change_credit(world: World, context: StepContext, expected: float) -> int:
    customers = world.customers
    candidates = np.flatnonzero(customers["credit_limit"] > 0)
    rows = random_rows(context, candidates, expected * world.parameters.scale)
    limits = context.rng.integers(11, 60, len(rows), endpoint=True) * 100_00
    customers.set(rows, credit_limit=limits, last_edited_by=context.editor)
    return len(rows)


def _change_categories(world: World, context: StepContext, expected: float) -> int:
    """Move customers to another category of shop."""
    customers = world.customers
    category = customers["customer_category_id"]
    candidates = np.flatnonzero((category >= NOVELTY_SHOP) & (category <= GIFT_STORE))
    rows = random_rows(context, candidates, expected * world.parameters.scale)
    kinds = GIFT_STORE - NOVELTY_SHOP + 1
    shift = context.rng.integers(1, kinds, len(rows))
    moved = NOVELTY_SHOP + (category[rows] - NOVELTY_SHOP + shift) % kinds
    customers.set(rows, customer_category_id=moved, last_edited_by=context.editor)
    return len(rows)


def _make_deals(world: World, context: StepContext, expected: float) -> int:
    """Make deals of the three kinds, from tomorrow on, with various selectors."""
    rng, items = context.rng, world.stock_items
    count = int(rng.poisson(expected))
    for _ in range(count):
        item = int(rng.integers(0, len(items)))
        price, label = int(items["unit_price"][item]), f"item {items['stock_item_id'][item]}"
        category = int(rng.integers(NOVELTY_SHOP, GIFT_STORE, endpoint=True))
        group, percent = int(rng.integers(1, 11)), int(rng.integers(1, 4)) * 5
        terms: tuple[dict[str, object], ...] = (
            {"stock_item_id": items["stock_item_id"][item], "unit_price": max(1, price * 93 // 100),
             "deal_description": f"Price of the month: {label}"},
            {"stock_item_id": items["stock_item_id"][item], "customer_category_id": category,
             "discount_amount": price // 20, "deal_description": f"Off {label} for category {category}"},
            {"stock_group_id": group, "customer_id": rng.choice(world.customers["customer_id"]),
             "discount_percentage": percent * 1000, "deal_description": f"{percent}% for a good customer"},
        )  # fmt: skip
        world.special_deals.append(
            special_deal_id=world.take_ids("special_deal", 1),
            start_date=context.today + 1,
            end_date=context.today + int(rng.integers(7, LONGEST_DEAL_DAYS, endpoint=True)),
            **terms[int(rng.integers(0, len(terms)))],
            **context.stamp,
        )
    return count
