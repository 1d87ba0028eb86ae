"""The state of the business between two steps: live rows, counters, and today's other changes.

All of it can be read from the database again (see `reading.py`), so a run can stop after any day.
"""

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from metadata.spec import Catalog
from sandbox.simulator.columns import Array, Columns, filled
from sandbox.simulator.parameters import Parameters
from sandbox.simulator.sheet import Sheet


@dataclass(frozen=True)
class Patch:
    """Changes to rows that are in no sheet. Missing keys, and rows that do not match `only`, are skipped."""

    table: str
    columns: Columns
    only: str = ""


@dataclass
class Journal:
    """Today's changes outside of the sheets: new rows that never change, patches and deletes."""

    inserts: list[tuple[str, Columns]] = field(default_factory=list)
    patches: list[Patch] = field(default_factory=list)
    deletes: list[tuple[str, Array]] = field(default_factory=list)


@dataclass
class World:
    """The state of the business; every sheet has the name of its table."""

    catalog: Catalog
    parameters: Parameters
    first_day: date
    next_ids: dict[str, int]
    cities: Sheet
    cold_room_temperatures: Sheet
    countries: Sheet
    customer_transactions: Sheet
    customers: Sheet
    invoice_lines: Sheet
    invoices: Sheet
    order_lines: Sheet
    orders: Sheet
    people: Sheet
    purchase_order_lines: Sheet
    purchase_orders: Sheet
    special_deals: Sheet
    state_provinces: Sheet
    stock_item_holdings: Sheet
    stock_item_stock_groups: Sheet
    stock_items: Sheet
    supplier_transactions: Sheet
    suppliers: Sheet
    journal: Journal = field(default_factory=Journal)

    def take_ids(self, name: str, count: int) -> Array:
        """Return the next `count` ids of a counter (`order`, `transaction`, ...) and advance it."""
        first = self.next_ids[name]
        self.next_ids[name] = first + int(count)
        return np.arange(first, first + count, dtype=np.int64)

    def insert(self, table: str, **values: object) -> None:
        """Insert rows that no later step changes."""
        self.journal.inserts.append((table, filled(self.catalog.table(table), values)))

    def patch(self, table: str, values: Columns, only: str = "") -> None:
        """Change rows that are in no sheet; `values` includes the table's key."""
        self.journal.patches.append(Patch(table, values, only))

    def delete(self, table: str, keys: Array) -> None:
        """Delete rows by key, after all other changes of the day."""
        self.journal.deletes.append((table, keys))

    def end_day(self) -> None:
        """Drop closed rows and the journal."""
        self.journal = Journal()
        for sheet in self.sheets():
            sheet.end_day()

    def sheets(self) -> list[Sheet]:
        """Return all sheets."""
        return [value for value in vars(self).values() if isinstance(value, Sheet)]

    @property
    def salespeople(self) -> Array:
        """Return the ids of the salespeople."""
        return np.asarray(self.people["person_id"][self.people["is_salesperson"]])

    @property
    def employees(self) -> Array:
        """Return the ids of the employees."""
        return np.asarray(self.people["person_id"][self.people["is_employee"]])


@dataclass(frozen=True)
class StepContext:
    """The context of a step: time, editor and random numbers."""

    day: date
    when: np.datetime64
    editor: int
    rng: np.random.Generator

    @property
    def today(self) -> np.datetime64:
        """Return the day as a numpy date."""
        return np.datetime64(self.day, "D")

    @property
    def stamp(self) -> dict[str, object]:
        """Return the values of `last_edited_by` and `last_edited_when`."""
        return {"last_edited_by": self.editor, "last_edited_when": self.when}
