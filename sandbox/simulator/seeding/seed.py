"""Assemble the seed data, table by table."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np

from metadata.spec import Catalog
from sandbox.simulator.columns import Columns, filled
from sandbox.simulator.data import read_table
from sandbox.simulator.parameters import Parameters
from sandbox.simulator.seeding import catalogue, parties, people, places, reference
from sandbox.simulator.streams import stream

Values = dict[str, object]


def seed_rows(catalog: Catalog, parameters: Parameters, first_day: date) -> dict[str, list[Columns]]:
    """Return the rows before the first day, as sets of all columns per table.

    Their timestamps are noon of the day before.
    """
    rows: dict[str, list[Columns]] = defaultdict(list)
    eve = np.datetime64(first_day - timedelta(days=1), "s") + np.timedelta64(12, "h")
    for name, values in _seed_values(catalog, parameters, eve):
        rows[name].append(filled(catalog.table(name), values))
    return rows


def _seed_values(
    catalog: Catalog, parameters: Parameters, eve: np.datetime64
) -> Iterator[tuple[str, Values]]:
    seed, scale = parameters.seed, parameters.scale
    yield "application.people", people.seed_people(stream(seed, None, "people"), seed)
    for name in reference.LISTS:
        yield name, reference.code_list(catalog.table(name))
    yield "application.countries", places.countries()
    yield "application.state_provinces", places.states()
    cities = places.cities(stream(seed, None, "cities"), scale)
    city_names = _labels(cities)
    yield "application.cities", cities
    yield "application.system_parameters", reference.system_parameters(len(city_names) // 2, eve)
    yield "purchasing.suppliers", parties.suppliers(stream(seed, None, "suppliers"), len(city_names))
    opened = eve.astype("datetime64[D]")
    registration = parties.Registration(stream(seed, None, "customers"), seed, len(city_names), opened)
    for customers, persons in parties.seed_customers(registration, scale, city_names):
        yield "application.people", persons
        yield "sales.customers", customers
    yield from _items(parameters, eve)


def _items(parameters: Parameters, eve: np.datetime64) -> Iterator[tuple[str, Values]]:
    stamp: Values = {"last_edited_by": 1, "last_edited_when": eve}
    items = catalogue.Catalogue(1, catalogue.FIRST_CHILLED - 1)
    holding_stream = stream(parameters.seed, None, "holdings")
    item_ids, groups = catalogue.memberships(items)
    yield "warehouse.stock_items", catalogue.stock_items(items, editor=1)
    yield (
        "warehouse.stock_item_holdings",
        catalogue.holdings(items, parameters.scale, holding_stream, stamp),
    )
    yield (
        "warehouse.stock_item_stock_groups",
        {
            "stock_item_stock_group_id": np.arange(1, len(item_ids) + 1),
            "stock_item_id": item_ids,
            "stock_group_id": groups,
            **stamp,
        },
    )


def _labels(cities: Values) -> list[str]:
    """Return "City, ST" of every city."""
    codes = read_table("states")["state_province_code"]
    names, states = cities["city_name"], cities["state_province_id"]
    assert isinstance(names, list)
    assert isinstance(states, np.ndarray)
    return [f"{name}, {codes[state - 1]}" for name, state in zip(names, states.tolist(), strict=True)]
