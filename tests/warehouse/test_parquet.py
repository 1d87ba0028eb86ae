"""Test that staged Parquet files have every row in order, in row groups of a good size."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.parquet import GROUP_BYTES, GROUP_ROWS, open_writer

SCHEMA = pa.schema([("number", pa.int64()), ("text", pa.string())])


def batch(first: int, rows: int, text: str = "") -> pa.RecordBatch:
    return pa.record_batch([range(first, first + rows), [text] * rows], schema=SCHEMA)


def groups(path: Path) -> list[int]:
    metadata = pq.read_metadata(path)
    return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]


@pytest.mark.parametrize("batches", [0, 1, 12, 13, 30])
def test_small_batches_are_combined_and_none_is_lost(tmp_path: Path, batches: int) -> None:
    path, rows = tmp_path / "rows.parquet", 10_000
    with open_writer(path, SCHEMA) as file:
        for number in range(batches):
            file.write_batch(batch(number * rows, rows))
    found = groups(path)
    assert all(GROUP_ROWS <= count < GROUP_ROWS + rows for count in found[:-1])
    assert pq.read_table(path)["number"].to_pylist() == list(range(batches * rows))


def test_combined_batches_of_wide_rows_stay_small(tmp_path: Path) -> None:
    path, text = tmp_path / "rows.parquet", "x" * 2**20
    with open_writer(path, SCHEMA) as file:
        for number in range(80):
            file.write_batch(batch(number, 1, text))
    most = GROUP_BYTES // 2**20
    assert groups(path) == [most, most, 80 - 2 * most]
