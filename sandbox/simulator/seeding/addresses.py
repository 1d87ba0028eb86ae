"""Synthetic addresses and phone numbers, for seed data, new customers and address changes."""

import numpy as np

from sandbox.simulator.columns import Array
from sandbox.simulator.data import read_words

Values = dict[str, object]

_STREETS = read_words("streets")
_KINDS = ("Avenue", "Boulevard", "Crescent", "Drive", "Lane", "Road", "Street", "Way")
_UNITS = ("Shop", "Suite", "Unit")
_VILLES = read_words("villes")


def addresses(rng: np.random.Generator, count: int, city_ids: Array) -> Values:
    """Return the address columns of customers and suppliers; delivery and postal city are the same.

    The second line is a unit number in most rows, null in some and empty in others, as in real data.
    """
    second = rng.choice(["line", "empty", "null"], count, p=[0.8, 0.1, 0.1]).tolist()
    units = [f"{kind} {number}" for kind, number in _pairs(rng, _UNITS, 1, 400, count)]
    streets = [f"{number} {_street(rng)}" for number in rng.integers(1, 2000, count).tolist()]
    postcodes = [f"{code}" for code in rng.integers(90_001, 90_801, count).tolist()]
    unit_of = {"empty": "", "null": None}
    return {
        "delivery_address_line_1": [
            unit if kind == "line" else street
            for kind, unit, street in zip(second, units, streets, strict=True)
        ],
        "delivery_address_line_2": [
            street if kind == "line" else unit_of[kind] for kind, street in zip(second, streets, strict=True)
        ],
        "delivery_city_id": city_ids,
        "delivery_postal_code": postcodes,
        "postal_address_line_1": [f"PO Box {box}" for box in rng.integers(1, 9999, count).tolist()],
        "postal_address_line_2": [f"{_VILLES[place]}ville" for place in rng.integers(0, len(_VILLES), count)],
        "postal_city_id": city_ids,
        "postal_postal_code": postcodes,
    }


def phones(rng: np.random.Generator, count: int) -> Values:
    """Return phone and fax numbers from the range reserved for fictional numbers."""
    areas = rng.integers(200, 990, count).tolist()
    return {
        "phone_number": [f"({area}) 555-0100" for area in areas],
        "fax_number": [f"({area}) 555-0101" for area in areas],
    }


def _street(rng: np.random.Generator) -> str:
    street = _STREETS[int(rng.integers(0, len(_STREETS)))]
    return f"{street} {_KINDS[int(rng.integers(0, len(_KINDS)))]}"


def _pairs(
    rng: np.random.Generator, words: tuple[str, ...], low: int, high: int, count: int
) -> list[tuple[str, int]]:
    chosen = rng.integers(0, len(words), count)
    return [
        (words[word], number)
        for word, number in zip(chosen, rng.integers(low, high, count).tolist(), strict=True)
    ]
