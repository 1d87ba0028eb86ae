"""Comparing key files gives the same result as a whole and in parts."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.changes import key_sets

SCHEMA = pa.schema([("first", pa.string()), ("second", pa.int64())])
KEYS = st.sets(st.tuples(st.text(max_size=3), st.integers(-3, 3)), max_size=30)


def write(path: Path, keys: list[tuple[str | None, int | None]]) -> Path:
    columns = [pa.array([key[number] for key in keys], SCHEMA.field(number).type) for number in (0, 1)]
    pq.write_table(pa.Table.from_arrays(columns, schema=SCHEMA), path)
    return path


def read(path: Path) -> list[tuple[str, int]]:
    return [tuple(row.values()) for row in pq.read_table(path).to_pylist()]


@pytest.fixture(params=[1, 7, 10**6])
def part_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(key_sets, "PART_ROWS", request.param)
    return int(request.param)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(KEYS, KEYS)
def test_missing_and_union_equal_those_of_python_sets(
    tmp_path: Path, part_rows: int, one: set[tuple[str, int]], two: set[tuple[str, int]]
) -> None:
    first, second = write(tmp_path / "first", sorted(one)), write(tmp_path / "second", sorted(two))
    batches = list(key_sets.missing(first, second, SCHEMA))
    found = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
    assert sorted(found) == sorted(one - two)
    assert all(batch.schema == SCHEMA for batch in batches)
    assert key_sets.count_missing(first, second) == len(one - two)
    key_sets.write_union(first, second, tmp_path / "union")
    assert sorted(read(tmp_path / "union")) == sorted(one | two)


def test_duplicate_and_null_keys_are_counted(tmp_path: Path, part_rows: int) -> None:
    keys = [("a", 1), ("a", 1), ("a", 2), (None, 1), ("b", None), (None, None), ("", 1)]
    assert key_sets.count_invalid(write(tmp_path / "keys", keys), ("first", "second")) == 4


def test_a_closed_comparison_lets_the_next_one_start(tmp_path: Path) -> None:
    keys, none = write(tmp_path / "keys", [("a", 1)]), write(tmp_path / "none", [])
    gone = key_sets.missing(keys, none, SCHEMA)
    next(gone)
    gone.close()
    assert key_sets.count_missing(keys, none) == 1
