"""The stock items: 219 from the first day, 8 chilled ones added later (business_rules.md, section 17).

Stock levels fit the corrected receipts: the levels of the reference are sufficient only because its receipts
raise the stock of items that were not ordered.
"""

import math
from collections.abc import Sequence

import numpy as np

from sandbox.simulator.columns import Array
from sandbox.simulator.data import read_table
from sandbox.simulator.money import rounded
from sandbox.simulator.seeding.reference import names

Values = dict[str, object]

FIRST_CHILLED, ITEMS = 220, 227
REORDER_OUTERS, TARGET_OUTERS = 85, 240
"""Reorder below, and up to, that many outers at scale 1 (section 19, fourth row)."""

_CHILDREN, _TEENS = {"3XS", "XXS", "XS", "S"}, {"M"}
_ADULTS = {"L", "XL", "XXL", "3XL", "4XL", "5XL", "6XL", "7XL"}


class Catalogue:
    """The rows of the catalogue file with these item ids."""

    def __init__(self, first: int, last: int) -> None:
        self._columns = {name: values[first - 1 : last] for name, values in read_table("stock_items").items()}
        self.ids = np.arange(first, last + 1)

    def texts(self, column: str) -> list[str | None]:
        """Return a column's texts, None where the file has none."""
        return [value or None for value in self._columns[column]]

    def integers(self, column: str) -> Array:
        """Return a column of whole numbers."""
        return np.array([int(value) for value in self._columns[column]], dtype=np.int64)

    def units(self, column: str, scale: int) -> Array:
        """Return a column of decimals in units of 1/scale."""
        return np.array([round(float(value) * scale) for value in self._columns[column]], dtype=np.int64)

    def codes(self, column: str, table: str) -> list[int | None]:
        """Return the ids of a column's names in a code list, None where the file has none."""
        listed = names(table)
        return [listed.index(value) + 1 if value else None for value in self._columns[column]]


def stock_items(catalogue: Catalogue, editor: int) -> Values:
    """Return the rows of warehouse.stock_items without custom fields and tags."""
    price = catalogue.units("unit_price", 100)
    marketing = catalogue.texts("marketing_comments")
    labels = catalogue.texts("stock_item_name")
    return {
        "stock_item_id": catalogue.ids,
        "stock_item_name": labels,
        "supplier_id": catalogue.integers("supplier_id"),
        "color_id": catalogue.codes("color_name", "warehouse.colors"),
        "unit_package_id": catalogue.codes("unit_package", "warehouse.package_types"),
        "outer_package_id": catalogue.codes("outer_package", "warehouse.package_types"),
        "brand": catalogue.texts("brand"),
        "size": catalogue.texts("size"),
        "lead_time_days": catalogue.integers("lead_time_days"),
        "quantity_per_outer": catalogue.integers("quantity_per_outer"),
        "is_chiller_stock": catalogue.ids >= FIRST_CHILLED,
        "barcode": catalogue.texts("barcode"),
        "tax_rate": catalogue.units("tax_rate", 1000),
        "unit_price": price,
        "recommended_retail_price": retail_price(price),
        "typical_weight_per_unit": catalogue.units("typical_weight_per_unit", 1000),
        "marketing_comments": marketing,
        "search_details": [f"{label} {text or ''}" for label, text in zip(labels, marketing, strict=True)],
        "last_edited_by": editor,
    }


def holdings(catalogue: Catalogue, scale: float, rng: np.random.Generator, stamp: Values) -> Values:
    """Return the rows of warehouse.stock_item_holdings, with an opening stock between reorder and target."""
    outer = catalogue.integers("quantity_per_outer")
    reorder, target = math.ceil(REORDER_OUTERS * scale), math.ceil(TARGET_OUTERS * scale)
    opening = rng.integers(reorder, target, len(outer), endpoint=True) * outer
    return {
        "stock_item_id": catalogue.ids,
        "quantity_on_hand": opening,
        "bin_location": [_bin(number, rng) for number in catalogue.ids.tolist()],
        "last_stocktake_quantity": opening,
        "last_cost_price": catalogue.units("last_cost_price", 100),
        "reorder_level": reorder * outer,
        "target_stock_level": target * outer,
        **stamp,
    }


def memberships(catalogue: Catalogue) -> tuple[Array, Array]:
    """Return item ids and stock group ids, one pair per membership, in the order of the items."""
    listed = names("warehouse.stock_groups")
    pairs = [
        (item, listed.index(group) + 1)
        for item, groups in zip(catalogue.ids.tolist(), catalogue.texts("stock_groups"), strict=True)
        for group in (groups or "").split("|")
    ]
    items, groups = np.array(pairs, dtype=np.int64).T
    return items, groups


def retail_price(price: Array) -> Array:
    """Return the recommended retail price, in cents, for list prices in cents."""
    return rounded(price * 1495, 1000)


def custom_fields(name: str, size: str | None, item_id: int) -> dict[str, object]:
    """Return the JSON document that every item gets on 2016-05-31 (section 13)."""
    chilled, tags = item_id >= FIRST_CHILLED, _tags(name, item_id)
    made_in = "USA" if chilled else ("Japan" if name.startswith("USB food") else "China")
    fields: dict[str, object] = {"CountryOfManufacture": made_in, "Tags": tags}
    if chilled:
        fields["ShelfLife"] = "7 days"
    if name.startswith("RC "):
        fields["MinimumAge"] = "10"
    for range_name, sizes in (("Children", _CHILDREN), ("Teens/Young Adult", _TEENS), ("Adult", _ADULTS)):
        if size in sizes:
            fields["Range"] = range_name
    return fields


def _tags(name: str, item_id: int) -> list[str]:
    patterns: Sequence[tuple[str, Sequence[str]]] = (
        ("RC ", ("Radio Control", "Realistic Sound")),
        ("vintage", ("Vintage",)),
        ("Halloween", ("Halloween Fun",)),
        ("pack of", ("Super Value",)),
        ("Ride on", ("So Realistic",)),
        ("slippers", ("Comfortable", "Long Battery Life")),
        ("USB food", ("32GB" if item_id % 2 == 0 else "16GB",)),
        ("Joke", ("Comedy",)),
        ("USB", ("USB Powered",)),
    )
    tags = [tag for pattern, found in patterns if pattern.lower() in name.lower() for tag in found]
    packaging = _first_item("Packaging Materials") <= item_id < FIRST_CHILLED
    return [*tags, "Limited Stock"] if packaging else tags


def _first_item(group: str) -> int:
    return read_table("stock_items")["stock_groups"].index(group) + 1


def _bin(item_id: int, rng: np.random.Generator) -> str:
    if item_id >= FIRST_CHILLED:
        return f"CH-{item_id - FIRST_CHILLED + 1}"
    return f"{rng.choice(list('DJKL'))}-{rng.integers(1, 10)}"
