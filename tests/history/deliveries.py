"""Convert scenarios to raw rows per load and source table, as ingestion would load them."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from metadata.load import load_catalog
from metadata.spec import Catalog, Table
from warehouse.raw_tables import DELETE, UPSERT, arrow_schema

from . import scenarios as s
from .scenarios import Delivered, Scenario, State

METADATA = Path(__file__).parent / "metadata"
PAYLOAD = ("name", "note", "amount", "seen", "photo", "is_active")
USUAL = {"amount": "1.50", "seen": "2013-01-01T07:00:00.000001", "photo": "00ff", "is_active": True}
VISITED = datetime(2013, 1, 1, 9, 30)

Row = dict[str, Any]


@cache
def catalog() -> Catalog:
    """Return the tables of this suite: one per structure."""
    return load_catalog(METADATA)


def properties(state: State) -> Row:
    """Convert a state to all columns of a thing, with values of the right types."""
    spelled = {**USUAL, **state}
    amount, seen, photo = spelled["amount"], spelled["seen"], spelled["photo"]
    return {
        "name": spelled["name"],
        "note": spelled["note"],
        "amount": None if amount is None else Decimal(amount),
        "seen": None if seen is None else datetime.fromisoformat(seen),
        "photo": None if photo is None else bytes.fromhex(photo),
        "is_active": spelled["is_active"],
    }


def members(state: Delivered) -> dict[int, tuple[str | None, str | None]]:
    """Convert a state to a group, {line: (name, note)}; a plain state gets a constant second member."""
    if state is None:
        return {}
    if "group" in state:
        return {line: (name, s.DEFAULT_NOTE) for line, name in state["group"].items()}
    return {1: (state["name"], state["note"]), 2: ("stays", s.DEFAULT_NOTE)}


def rows_of(
    scenarios: Iterable[Scenario], load: int | str, *, whole_groups: bool = False
) -> dict[str, list[Row]]:
    """Return {source table: its rows in this load}; load 1 also has all places.

    `whole_groups`: every change delivers the complete group, as AutomateDV's ma_sat requires; otherwise the
    current members and a delete for each removed one.
    """
    scenarios = list(scenarios)
    found: dict[str, list[Row]] = {table.name: [] for table in catalog().tables}
    for scenario in scenarios:
        if load in scenario.loads:
            state = scenario.loads[load]
            times = 2 if scenario.duplicate is not None and state == scenario.duplicate else 1
            for name, row in _rows(scenario, load, state, whole_groups):
                found[name] += [row] * times
    if load == 1:
        found["places"] = [
            {"place_code": place, "change_type": UPSERT} for place in sorted(_places(scenarios))
        ]
    return found


def _rows(
    scenario: Scenario, load: int | str, state: Delivered, whole_groups: bool
) -> Iterator[tuple[str, Row]]:
    key: Row = {"region": scenario.key[0], "code": scenario.key[1]}
    change = {"change_type": DELETE if state is None else UPSERT}
    values = {} if state is None else {"name": state.get("name"), "note": state.get("note")}
    for structure in scenario.structures:  # a thing already has its status
        match structure:
            case s.STATUS:
                thing = properties({"name": None, "note": None} | state) if state is not None else {}
                yield "things", key | thing | change
            case s.LINK:
                places = {"place_code": values["name"], "owner_code": values["note"]} if values else {}
                yield "assignments", key | places | change
            case s.REFERENCE:
                yield "codes", key | values | change
            case s.EVENT:
                seen = {"seen": VISITED, "place_code": "north"} if values else {}
                yield "visits", key | seen | values | change
            case s.GROUP:
                for row in _phones(scenario, load, state, whole_groups):
                    yield "phones", key | row


def _phones(scenario: Scenario, load: int | str, state: Delivered, whole_groups: bool) -> Iterator[Row]:
    number = int(str(load).split(maxsplit=1)[0])
    for line, (name, note) in members(state).items():
        yield {"line": line, "name": name, "note": note, "change_type": UPSERT}
    before = scenario.expected(number - 1)
    gone = set() if isinstance(before, str) else members(before).keys() - members(state).keys()
    for line in sorted(set() if whole_groups else gone):
        yield {"line": line, "change_type": DELETE}


def _places(scenarios: Iterable[Scenario]) -> set[str]:
    states = [state for each in scenarios for state in each.loads.values() if state and "name" in state]
    return {"north"} | {
        state[role] for state in states for role in ("name", "note") if state[role] is not None
    }


def as_arrow(table: Table, rows: list[Row]) -> pa.Table:
    """Convert rows to the types of their raw table, without system columns."""
    kinds = arrow_schema(table)
    fields = [kinds.field(column.name) for column in table.loaded_columns]
    return pa.Table.from_pylist(rows, schema=pa.schema([*fields, pa.field("change_type", pa.string())]))
