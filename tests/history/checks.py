"""Check that the vault, as of every load, has what was delivered until then, without duplicates.

Only the tables of a vault are read. There are two readers, because the vaults differ in two structures: the
effective row of a link, and the members of a group.
"""

import hashlib
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from tests.vault.conftest import load_time

from . import scenarios as s
from .deliveries import PAYLOAD, Row, members, properties
from .scenarios import Delivered, Scenario

Tables = Mapping[str, list[Row]]
Key = tuple[Any, ...]
NOTHING = "nothing"
EXISTS = "exists"
OPEN_YEAR = 9999  # year of an open end date
ZERO_KEY = hashlib.md5(b"~,").digest()
VERSIONED = {
    s.SATELLITE: ("sat_thing__details", "thing"),
    s.LINK: ("eff_sat_assignment", "assignment"),
    s.EVENT: ("sat_visit__details", "visit"),
}


class LostError(Exception):
    """A key is missing in the vault, or has two results."""


class Reader(ABC):
    """Read the state of a key as of a load."""

    place_key = "place_hk"
    groups_record_deletes = True

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._indexes: dict[tuple[str, tuple[str, ...]], dict[Key, list[Row]]] = {}

    def state_of(self, structure: str, key: Key, load: int) -> Any:
        """Return the state in the form of `expected_state`; NOTHING if the key does not exist then."""
        match structure:
            case s.SATELLITE:
                row = self._latest("sat_thing__details", "thing_hk", self._hub("thing", key), load)
                return NOTHING if row is None else {name: row[name] for name in PAYLOAD}
            case s.STATUS:
                row = self._latest("sat_thing__status", "thing_hk", self._hub("thing", key), load)
                return NOTHING if row is None else s.DELETED if row["is_deleted"] else EXISTS
            case s.REFERENCE:
                found = self._rows("ref_code", ("region", "code"), key)
                return _texts(_newest(found, load))
            case s.EVENT:
                found = [
                    row for row in self._rows("nh_link_visit", ("region", "code"), key) if _until(row, load)
                ]
                if len(found) > 1:
                    raise LostError(f"{len(found)} rows for one event")
                return _texts(self._event(found[0], load) if found else None)
            case s.LINK:
                row = self._effective(key, load)
                return NOTHING if row is None else self._ends(row)
            case _:
                return self._group(key, load)

    @abstractmethod
    def _effective(self, key: Key, load: int) -> Row | None:
        """Return the effective row of the link."""

    @abstractmethod
    def _event(self, link: Row, load: int) -> Row | None:
        """Return the state of the event of a link row."""

    @abstractmethod
    def _group(self, key: Key, load: int) -> Any:
        """Return the members of a group."""

    def versions(self, structure: str, key: Key) -> int:
        """Return the number of satellite rows of the key."""
        if structure == s.REFERENCE:
            return len(self._rows("ref_code", ("region", "code"), key))
        table, concept = VERSIONED[structure]
        return len(self._rows(table, (f"{concept}_hk",), (self._key_of(concept, key),)))

    def _key_of(self, concept: str, key: Key) -> Any:
        if concept != "visit":
            return self._hub(concept, key)
        found = self._rows("nh_link_visit", ("region", "code"), key)
        return found[0]["visit_hk"] if found else None

    def _ends(self, link: Row) -> tuple[Any, Any]:
        place, owner = (self._place(link[f"{role}_code_hk"]) for role in ("place", "owner"))
        return place, owner

    def _place(self, hash_key: Any) -> Any:
        if hash_key == ZERO_KEY:
            return None
        found = self._rows("hub_place", (self.place_key,), (hash_key,))
        if len(found) != 1:
            raise LostError("the link points to a place that no hub has")
        return found[0]["place_code"]

    def _hub(self, concept: str, key: Key) -> Any:
        found = self._rows(f"hub_{concept}", ("region", "code"), key)
        if len(found) > 1:
            raise LostError(f"{len(found)} hub rows for one key")
        return found[0][f"{concept}_hk"] if found else None

    def _latest(self, table: str, column: str, hash_key: Any, load: int) -> Row | None:
        return None if hash_key is None else _newest(self._rows(table, (column,), (hash_key,)), load)

    def _rows(self, table: str, columns: tuple[str, ...], key: Key) -> list[Row]:
        index = self._indexes.get((table, columns))
        if index is None:
            index = defaultdict(list)
            for row in self._tables[table]:
                index[tuple(row[name] for name in columns)].append(row)
            self._indexes[table, columns] = index
        return index.get(key, [])


class Ours(Reader):
    """Reader of this project's vault."""

    def _effective(self, key: Key, load: int) -> Row | None:
        row = self._latest("eff_sat_assignment", "assignment_hk", self._hub("assignment", key), load)
        if row is None:
            return None
        name = "link_assignment_hk"
        found = self._rows("link_assignment", (name,), (row[name],))
        if len(found) != 1:
            raise LostError(f"{len(found)} rows of the link for one hash key")
        return found[0]

    def _event(self, link: Row, load: int) -> Row | None:
        return self._latest("sat_visit__details", "visit_hk", link["visit_hk"], load)

    def _group(self, key: Key, load: int) -> Any:
        group = {}
        for phone in self._rows("hub_phone", ("region", "code"), key):
            status = self._latest("sat_phone__status", "phone_hk", phone["phone_hk"], load)
            row = self._latest("sat_phone__details", "phone_hk", phone["phone_hk"], load)
            if status is not None and not status["is_deleted"]:
                if row is None or phone["line"] in group:
                    raise LostError("a member without a state, or a duplicate member")
                group[phone["line"]] = (row["name"], row["note"])
        return group or NOTHING


class Plain(Reader):
    """Reader of a vault with AutomateDV's structures."""

    place_key = "place_code_hk"
    groups_record_deletes = (
        False  # a deleted group has no rows, so the multi-active satellite does not record it
    )

    def _effective(self, key: Key, load: int) -> Row | None:
        assignment = self._hub("assignment", key)
        rows = self._rows("eff_sat_assignment", ("assignment_hk",), (assignment,)) if assignment else []
        links = {row["link_assignment_hk"] for row in rows}
        newest = [_newest([row for row in rows if row["link_assignment_hk"] == link], load) for link in links]
        known = [row for row in newest if row]
        open_ones = [row for row in known if row["end_date"].year == OPEN_YEAR]
        if known and len(open_ones) != 1:
            raise LostError(f"{len(open_ones)} effective relationships")
        return open_ones[0] if known else None

    def _event(self, link: Row, load: int) -> Row | None:
        return link

    def _group(self, key: Key, load: int) -> Any:
        rows = self._rows("ma_sat_group", ("group_hk",), (self._hub("group", key),))
        until = [row for row in rows if _until(row, load)]
        newest = max((row["load_dts"] for row in until), default=None)
        latest = [row for row in until if row["load_dts"] == newest]
        group = {row["line"]: (row["name"], row["note"]) for row in sorted(latest, key=itemgetter("line"))}
        if len(group) < len(latest):
            raise LostError("a duplicate member in one load")
        return group or NOTHING


def expected_state(structure: str, state: Delivered | str, *, groups_record_deletes: bool = True) -> Any:
    """Return the state that a reader must return; None if another structure has it, such as the status."""
    if isinstance(state, str):
        return NOTHING
    match structure:
        case s.STATUS:
            return s.DELETED if state is None else EXISTS
        case s.GROUP:
            return members(state) or (NOTHING if groups_record_deletes else None)
        case s.SATELLITE:
            return None if state is None else properties(state)
        case _:
            return None if state is None else (state["name"], state["note"])


def losses(scenario: Scenario, structure: str, reader: Reader, stage: str) -> list[str]:
    """Return the losses of a scenario, one line per load."""
    found = []
    for load in s.LOADS:
        expected = expected_state(
            structure, scenario.expected(load, stage), groups_record_deletes=reader.groups_record_deletes
        )
        if expected is None:
            continue
        try:
            found_state = reader.state_of(structure, scenario.key, load)
        except LostError as error:
            found.append(f"as of load {load}: {error}")
            continue
        if found_state != expected and not (scenario.is_excluded and found_state == NOTHING):
            found.append(f"as of load {load}: {_short(structure, found_state, expected)}")
    return found


def wrong_versions(scenario: Scenario, structure: str, reader: Reader) -> list[str]:
    """Return satellites with more or fewer rows than changes."""
    if structure not in {*VERSIONED, s.REFERENCE} or scenario.versions is None:
        return []
    found = reader.versions(structure, scenario.key)
    return [] if found == scenario.versions else [f"{found} versions instead of {scenario.versions}"]


def _short(structure: str, found_state: Any, expected: Any) -> str:
    if structure == s.SATELLITE and isinstance(found_state, dict):
        differing = [name for name in PAYLOAD if found_state[name] != expected[name]]
        return ", ".join(f"{name} {found_state[name]!r} instead of {expected[name]!r}" for name in differing)
    if structure == s.SATELLITE:
        return f"{found_state!r} instead of {expected['name']!r}"
    return f"{found_state!r} instead of {expected!r}"


def _texts(row: Row | None) -> Any:
    return NOTHING if row is None else (row["name"], row["note"])


def _until(row: Row, load: int) -> bool:
    is_until: bool = row["load_dts"] <= load_time(load)
    return is_until


def _newest(rows: list[Row], load: int) -> Row | None:
    until = [row for row in rows if _until(row, load)]
    if not until:
        return None
    newest = max(row["load_dts"] for row in until)
    tied = [row for row in until if row["load_dts"] == newest]
    if len(tied) > 1:
        raise LostError(f"{len(tied)} rows of one load")
    return tied[0]
