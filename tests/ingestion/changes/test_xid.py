"""Which rows are read, and how many lost rows are too many."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.changes.xid import (
    COMPARABLE_TRANSACTIONS,
    MAX_ENDED,
    TOO_MANY_ENDED,
    PreviousLoad,
    ended_from_text,
    ended_to_text,
    has_shrunk,
    plan_window,
    unfinished_range,
)
from ingestion.read_window import Snapshot, Window, Xids
from ingestion.source.identity import ColumnIdentity, Identity

NOW = Snapshot.parse("1000:1005:1001,1003")
IDENTITY = Identity(
    database="oid 5", relation=17, columns={"a": ColumnIdentity(number=1, type=23, type_name="integer")}
)
BEFORE = PreviousLoad(
    7,
    datetime(2026, 1, 1, tzinfo=UTC),
    "one/1/wwi",
    Snapshot.parse("900:910:905"),
    50,
    frozenset({901, 907}),
    {"a": "integer"},
    IDENTITY,
)


def test_changed_rows_are_those_since_the_oldest_transaction_then_running() -> None:
    assert plan_window(BEFORE, NOW, "one/1/wwi", IDENTITY, full=False) == Window(
        "incremental", "changed rows", Xids(900, 1005, frozenset({901, 907}))
    )


def test_too_many_ended_transactions_give_a_reason() -> None:
    window = plan_window(replace(BEFORE, ended=None), NOW, "one/1/wwi", IDENTITY, full=False)
    assert window.xids == Xids(900, 1005)
    assert window.reason == f"changed rows, and some again: {TOO_MANY_ENDED}"


def test_ended_transactions_are_recorded_up_to_the_limit() -> None:
    for ended in (frozenset[int](), frozenset({7}), frozenset(range(MAX_ENDED))):
        assert ended_from_text(ended_to_text(ended)) == ended
    assert ended_to_text(range(MAX_ENDED + 1)) is None


def test_nothing_is_unfinished_when_no_transaction_is_open() -> None:
    assert unfinished_range(Snapshot.parse("1000:1000:")) is None
    assert unfinished_range(NOW) == Xids(1000, 1005)


@pytest.mark.parametrize(
    ("previous", "system", "full", "reason"),
    [
        (None, "one/1/wwi", False, "first load"),
        (BEFORE, "one/1/wwi", True, "asked for"),
        (BEFORE, "two/1/wwi", False, "another source: two/1/wwi instead of one/1/wwi"),
        (BEFORE, "one/2/wwi", False, "another source: one/2/wwi instead of one/1/wwi"),
        (replace(BEFORE, snapshot=Snapshot.parse("1000:1006:")), "one/1/wwi", False, "restored"),
        (BEFORE, "one/1/wwi", False, "new columns: b"),
    ],
)
def test_a_full_read_is_planned_when_transactions_cannot_be_compared(
    previous: PreviousLoad | None, system: str, full: bool, reason: str
) -> None:
    column = ColumnIdentity(number=2, type=23, type_name="integer")
    identity = IDENTITY.model_copy(update={"columns": {**IDENTITY.columns, "b": column}})
    window = plan_window(previous, NOW, system, identity, full=full)
    assert (window.mode, window.xids) == ("full", None)
    assert reason in window.reason


@given(st.integers(3, 2**40), st.integers(0, 2**32))
def test_half_the_circle_of_transaction_ids_is_the_limit(xmin: int, distance: int) -> None:
    previous = replace(BEFORE, snapshot=Snapshot(f"{xmin}:{xmin}:", xmin, xmin))
    now = Snapshot(f"{xmin + distance}:{xmin + distance}:", xmin + distance, xmin + distance)
    mode = plan_window(previous, now, BEFORE.source_system, IDENTITY, full=False).mode
    assert mode == ("incremental" if distance < COMPARABLE_TRANSACTIONS else "full")


@pytest.mark.parametrize(
    ("before", "lost", "shrunk"),
    [
        (0, 0, False),
        (5, 0, False),
        (5, -3, False),
        (5, 4, False),
        (5, 5, True),
        (99, 98, False),
        (100, 30, False),
        (100, 31, True),
        (1, 1, True),
    ],
)
def test_a_table_has_shrunk(before: int, lost: int, shrunk: bool) -> None:
    assert has_shrunk(before, lost) == shrunk
