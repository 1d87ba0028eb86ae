"""What a vault must survive, through the real macros: every state that was delivered can be read back.

Each case is one key of one table and what every batch brought of it. Batch 1 is loaded alone, batches 2 to 4
at once, batch 5 alone. Then batches are loaded again, and at last the whole history is loaded anew.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from google.cloud.bigquery import SchemaField

from ingestion import bigquery
from ingestion.bigquery import TableLayout
from ingestion.settings import Settings

from .conftest import Row, Sandbox, load_time, make_project

pytestmark = pytest.mark.services

RAW_TABLE = "test__things"
BATCHES = (1, 2, 3, 4, 5)
PAYLOAD = ("name", "note", "amount", "seen", "photo", "is_active")


@dataclass(frozen=True)
class Thing:
    """One delivered state."""

    name: str | None = None
    note: str | None = None
    amount: Decimal | None = Decimal("1.50")
    seen: datetime | None = datetime(2013, 1, 1, 7, 0, 0, 1)
    photo: bytes | None = b"\x00\xff"
    is_active: bool | None = True
    place_id: int | None = 1


DELETED = None
Delivered = Mapping[int, Thing | None]


@dataclass(frozen=True)
class Case:
    """What each batch brought of one key, and how many versions the satellite must hold of it."""

    delivered: Delivered
    versions: int
    key: tuple[str | None, str | None] = field(default=("", ""))


def names(*texts: str | None, first: int = 1) -> Delivered:
    """Batches from `first` on, each with the next name."""
    return {first + position: Thing(name) for position, name in enumerate(texts)}


def notes(*pairs: tuple[str | None, str | None]) -> Delivered:
    """Batches from 1 on, each with the next name and note."""
    return {1 + position: Thing(name, note) for position, (name, note) in enumerate(pairs)}


def places(*place_ids: int | None) -> Delivered:
    """Batches from 1 on, each at the next place."""
    return {1 + position: Thing(place_id=place_id) for position, place_id in enumerate(place_ids)}


A, B, C, D = (Thing(name) for name in "ABCD")

CASES: dict[str, Case] = {
    "one state": Case({1: A}, 1),
    "first seen in the last batch": Case({5: A}, 1),
    "first seen among others": Case({3: A}, 1),
    "the same state five times": Case({1: A, 2: A, 3: A, 4: A, 5: A}, 1),
    "A-B-A, a load each": Case({1: A, 4: B, 5: A}, 3),
    "A-B-A within one load": Case({2: A, 3: B, 4: A}, 3),
    "known A, then B-A at once": Case({1: A, 2: B, 3: A}, 3),
    "known A, then A-B-A at once": Case({1: A, 2: A, 3: B, 4: A}, 3),
    "known A, then B-B at once, then A": Case({1: A, 2: B, 3: B, 5: A}, 3),
    "a change in every batch": Case({1: A, 2: B, 3: C, 4: D, 5: A}, 5),
    "case only": Case(names("ann", "ANN", "Ann", "aNN", "ann"), 5),
    "spaces only": Case(names("ann", " ann", "ann ", "a nn", "ann"), 5),
    "line ends only": Case(names("a b", "a\nb", "a\r\nb", "a\rb", "a\n\nb"), 5),
    "tabs and other blanks": Case(names("a b", "a\tb", "a\u00a0b", "a\u200bb", "a b"), 5),
    "'' and NULL": Case(names("", None, "", None, ""), 5),
    "NULL and what may stand for it": Case(names(None, "~", "~,", "NULL", "^^"), 5),
    "accents in two spellings": Case(names("é", "e\u0301", "é", "E\u0301", "e"), 5),
    "quotes": Case(names("it's", 'it"s', "it`s", "it''s", "it\\'s"), 5),
    "delimiter inside values": Case(
        notes(("a", "b"), ("a,1:b", ""), ("a||b", None), ("a", "||b"), ("a,", "b")), 5
    ),
    "text moves to the next column": Case(notes(("ab", "c"), ("a", "bc"), ("", "abc"), (None, "abc")), 4),
    "NULL moves to the next column": Case(notes((None, "x"), ("x", None), (None, None)), 3),
    "a cent": Case({1: A, 2: replace(A, amount=Decimal("1.51")), 3: A}, 3),
    "a power of ten": Case(
        {1: A, 2: replace(A, amount=Decimal("15")), 3: replace(A, amount=Decimal("150"))}, 3
    ),
    "a microsecond": Case({1: A, 2: replace(A, seen=datetime(2013, 1, 1, 7, 0, 0, 2))}, 2),
    "a byte": Case(
        {1: A, 2: replace(A, photo=b"\x00"), 3: replace(A, photo=b""), 4: replace(A, photo=None)}, 4
    ),
    "unknown, no and yes": Case({1: A, 2: replace(A, is_active=None), 3: replace(A, is_active=False)}, 3),
    "moves away and back": Case(places(1, 2, 1), 1),
    "moves to nowhere and back": Case(places(1, None, 1, 2, None), 1),
    "delete": Case({1: A, 5: DELETED}, 1),
    "delete, return, delete": Case({1: A, 2: DELETED, 3: A, 4: DELETED}, 1),
    "delete, return changed": Case({1: A, 2: DELETED, 3: B}, 2),
    "came and went between two loads": Case({2: A, 4: DELETED}, 1),
    "delete told twice": Case({1: A, 2: DELETED, 3: DELETED, 5: A}, 1),
    "key of an empty part": Case({1: A}, 1, key=("", "abc")),
    "key like it, empty part last": Case({1: B}, 1, key=("abc", "")),
    "key that concatenates alike": Case({1: A, 2: B}, 2, key=("a", "bc")),
    "key that concatenates alike, too": Case({1: C, 3: A}, 2, key=("ab", "c")),
    "key with the delimiter": Case({1: A}, 1, key=("a,2:bc", "c")),
    "key in lower case": Case({1: A}, 1, key=("key", "x")),
    "key in upper case": Case({1: B}, 1, key=("KEY", "x")),
    "key with a space": Case({1: C}, 1, key=("key ", "x")),
    "key without a part": Case({1: A, 2: B}, 0, key=("a", None)),
}
CASES = {name: case if any(case.key) else replace(case, key=("case", name)) for name, case in CASES.items()}
WITH_KEY = [name for name, case in CASES.items() if None not in case.key]

RAW_SCHEMA = pa.schema(
    {
        "region": pa.string(), "code": pa.string(), "name": pa.string(), "note": pa.string(),
        "amount": pa.decimal128(18, 2), "seen": pa.timestamp("us"), "photo": pa.binary(),
        "is_active": pa.bool_(), "place_id": pa.int64(), "change_type": pa.string(),
    }
)  # fmt: skip


def raw_layout(settings: Settings) -> TableLayout:
    """The raw table as ingestion would make it."""
    kinds = {"region": "STRING", "code": "STRING", "name": "STRING", "note": "STRING", "amount": "NUMERIC",
             "seen": "DATETIME", "photo": "BYTES", "is_active": "BOOL", "place_id": "INT64",
             "change_type": "STRING", "batch_id": "INT64", "load_dts": "TIMESTAMP",
             "record_source": "STRING"}  # fmt: skip
    digits: dict[str, dict[str, Any]] = {"amount": {"precision": 18, "scale": 2}}
    fields = tuple(SchemaField(name, kind, **digits.get(name, {})) for name, kind in kinds.items())
    table_id = f"{settings.project}.{settings.dataset('raw')}.{RAW_TABLE}"
    return TableLayout(table_id, fields, partition_by="load_dts", cluster_by=("region", "code"))


def rows_of(batch: int) -> pa.Table:
    """The raw rows of a batch, over all cases."""
    rows = []
    for case in CASES.values():
        if batch in case.delivered:
            state = case.delivered[batch]
            values = {} if state is None else vars(state)
            change = "delete" if state is None else "upsert"
            rows.append({"region": case.key[0], "code": case.key[1], **values, "change_type": change})
    return pa.Table.from_pylist(rows, schema=RAW_SCHEMA)


@dataclass(frozen=True)
class History:
    """The tables after the last batch, and their content after each further load."""

    tables: Mapping[str, list[Row]]
    loaded: dict[str, list[str]]
    loaded_again: dict[str, list[str]]
    loaded_anew: dict[str, list[str]]
    marked: list[int]

    def versions(self, table: str, case: Case) -> list[Row]:
        """The rows of a satellite for the case's key, oldest first."""
        found = [row for row in self.tables[table] if row["thing_hk"] == thing_hash(case.key)]
        return sorted(found, key=lambda row: row["load_dts"])

    def as_of(self, table: str, case: Case, batch: int) -> Row:
        """The version in force after a batch."""
        return [row for row in self.versions(table, case) if row["load_dts"] <= load_time(batch)][-1]


@pytest.fixture(scope="module")
def history(settings: Settings, offline: Path, tmp_path_factory: pytest.TempPathFactory) -> History:
    """Deliver all cases and load them in the order that the module's docstring tells."""
    folder = tmp_path_factory.mktemp("history")
    project = make_project(folder / "project", Path(__file__).parent / "history_project", offline)
    sandbox = Sandbox(bigquery.connect(settings), settings, project, folder)
    sandbox.create_tables([raw_layout(settings)])
    for at_once in ((1,), (2, 3, 4), (5,)):
        for batch in at_once:
            sandbox.deliver(batch, {RAW_TABLE: rows_of(batch)})
        sandbox.build()
    loaded = sandbox.snapshot("raw_vault")
    tables = {name: sandbox.rows("raw_vault", name) for name in loaded}
    marked = [row["batch_id"] for row in sandbox.rows("audit", "vault_loads")]
    sandbox.forget_loads("batch_id in (2, 5)")
    sandbox.build()
    again = sandbox.snapshot("raw_vault")
    sandbox.build(full_refresh=True)
    return History(tables, loaded, again, sandbox.snapshot("raw_vault"), sorted(marked))


@pytest.mark.parametrize("name", WITH_KEY)
def test_every_delivered_state_can_be_read_back(history: History, name: str) -> None:
    case = CASES[name]
    for batch, state in case.delivered.items():
        if state is not None:
            version = history.as_of("sat_thing__details", case, batch)
            assert {column: version[column] for column in PAYLOAD} == payload(state)


@pytest.mark.parametrize("name", CASES)
def test_a_version_is_added_for_a_change_only(history: History, name: str) -> None:
    assert len(history.versions("sat_thing__details", CASES[name])) == CASES[name].versions


@pytest.mark.parametrize("name", WITH_KEY)
def test_deletes_and_returns_are_told(history: History, name: str) -> None:
    case = CASES[name]
    for batch, state in case.delivered.items():
        assert history.as_of("sat_thing__status", case, batch)["is_deleted"] == (state is None)


@pytest.mark.parametrize("name", WITH_KEY)
def test_the_relationship_in_force_can_be_read_back(history: History, name: str) -> None:
    case = CASES[name]
    place_of = {row["link_thing_place_hk"]: row["place_hk"] for row in history.tables["link_thing_place"]}
    for batch, state in case.delivered.items():
        if state is not None:
            link = history.as_of("eff_sat_thing_place", case, batch)["link_thing_place_hk"]
            assert place_of[link] == netstring_hash([state.place_id])


def test_the_hub_has_each_key_once_with_its_first_load(history: History) -> None:
    expected = {
        CASES[name].key: load_time(min(batch for batch, state in CASES[name].delivered.items() if state))
        for name in WITH_KEY
    }
    hub = history.tables["hub_thing"]
    assert {(row["region"], row["code"]): row["load_dts"] for row in hub} == expected
    assert len(hub) == len({row["thing_hk"] for row in hub}) == len(expected)


def test_a_relationship_is_stored_once(history: History) -> None:
    links = history.tables["link_thing_place"]
    expected = {
        (thing_hash(CASES[name].key), netstring_hash([state.place_id]))
        for name in WITH_KEY
        for state in CASES[name].delivered.values()
        if state is not None
    }
    assert sorted((row["thing_hk"], row["place_hk"]) for row in links) == sorted(expected)


@pytest.mark.parametrize("table", ["sat_thing__details", "sat_thing__status", "eff_sat_thing_place"])
def test_key_and_load_time_are_unique(history: History, table: str) -> None:
    keys = [(row["thing_hk"], row["load_dts"]) for row in history.tables[table]]
    assert len(keys) == len(set(keys)) > len(WITH_KEY)


def test_every_batch_is_marked_as_loaded_once(history: History) -> None:
    assert history.marked == list(BATCHES)


def test_loading_batches_again_changes_nothing(history: History) -> None:
    assert history.loaded_again == history.loaded


def test_the_whole_history_at_once_gives_the_same_vault(history: History) -> None:
    assert history.loaded_anew == history.loaded


def payload(state: Thing) -> Row:
    """The state as the satellite must hold it."""
    return {column: getattr(state, column) for column in PAYLOAD}


def thing_hash(key: Iterable[str | None]) -> bytes | None:
    """The hash key that docs/hashing.md prescribes; NULL for a key without a part."""
    parts = list(key)
    return None if None in parts else netstring_hash(parts)


def netstring_hash(parts: Iterable[str | int | None]) -> bytes:
    """MD5 of the encoded parts, written independently of the macros."""
    texts = (None if part is None else str(part).encode() for part in parts)
    encoded = b"".join(b"~," if text is None else b"%d:%s," % (len(text), text) for text in texts)
    return hashlib.md5(encoded).digest()
