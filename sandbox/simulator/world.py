"""The state of the business between two steps: live rows, counters, and what today has written besides.

Everything here can be read back from the database (see `reading.py`), so a run can stop after any day.
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
    """Changes to rows that no sheet holds: those whose key is not there, or fails `only`, are passed over."""

    table: str
    columns: Columns
    only: str = ""


@dataclass
class Journal:
    """What today has written past the sheets: new rows nobody changes later, patches and deletes."""

    inserts: list[tuple[str, Columns]] = field(default_factory=list)
    patches: list[Patch] = field(default_factory=list)
    deletes: list[tuple[str, Array]] = field(default_factory=list)


@dataclass
class World:
    """The business as the steps see it; every sheet has the name of its table."""

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
        """Return the next `count` ids of a counter (`order`, `transaction`, ...), never to be given again."""
        first = self.next_ids[name]
        self.next_ids[name] = first + int(count)
        return np.arange(first, first + count, dtype=np.int64)

    def insert(self, table: str, **values: object) -> None:
        """Write rows that no later step changes."""
        self.journal.inserts.append((table, filled(self.catalog.table(table), values)))

    def patch(self, table: str, values: Columns, only: str = "") -> None:
        """Change rows that no sheet holds; the table's key is among `values`."""
        self.journal.patches.append(Patch(table, values, only))

    def delete(self, table: str, keys: Array) -> None:
        """Delete rows by key, after all other writing of the day."""
        self.journal.deletes.append((table, keys))

    def end_day(self) -> None:
        """Forget what is closed or written."""
        self.journal = Journal()
        for sheet in self.sheets():
            sheet.end_day()

    def sheets(self) -> list[Sheet]:
        """Return all sheets."""
        return [value for value in vars(self).values() if isinstance(value, Sheet)]

    @property
    def salespeople(self) -> Array:
        """Ids of the people who sell."""
        return np.asarray(self.people["person_id"][self.people["is_salesperson"]])

    @property
    def employees(self) -> Array:
        """Ids of the people who work here."""
        return np.asarray(self.people["person_id"][self.people["is_employee"]])


@dataclass(frozen=True)
class Moment:
    """When a step happens, by whom, and with which random numbers."""

    day: date
    when: np.datetime64
    editor: int
    rng: np.random.Generator

    @property
    def today(self) -> np.datetime64:
        """The day as numpy has it."""
        return np.datetime64(self.day, "D")

    @property
    def stamp(self) -> dict[str, object]:
        """Values of the two columns that say who wrote a row, and when."""
        return {"last_edited_by": self.editor, "last_edited_when": self.when}
