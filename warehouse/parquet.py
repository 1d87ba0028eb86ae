"""Read and write Parquet files, one row group at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

# DuckDB's own group size: with smaller groups the local warehouse loads a file 25 % slower.
GROUP_ROWS = 122_880
GROUP_BYTES = 32 * 2**20


class GroupWriter:
    """Collect record batches and write them as row groups of GROUP_ROWS rows or GROUP_BYTES bytes."""

    def __init__(self, file: pq.ParquetWriter) -> None:
        self._file = file
        self._held: list[pa.RecordBatch] = []

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """Add rows; they are written when the group is full or the file is closed."""
        self._held.append(batch)
        if (
            sum(held.num_rows for held in self._held) >= GROUP_ROWS
            or sum(held.nbytes for held in self._held) >= GROUP_BYTES
        ):
            self.flush()

    def flush(self) -> None:
        """Write the collected rows as one row group."""
        if self._held:
            rows, self._held = pa.Table.from_batches(self._held), []
            self._file.write_table(rows)


@contextmanager
def open_writer(path: Path, schema: pa.Schema, repetitive: Sequence[str] = ()) -> Iterator[GroupWriter]:
    """Write a new file while the block runs. `repetitive` columns have few distinct values.

    Only they are dictionary-encoded: for other columns that takes a third of the writing time and makes the
    file larger.
    """
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=list(repetitive)) as file:
        rows = GroupWriter(file)
        yield rows
        rows.flush()


def column_names(path: Path) -> list[str]:
    """Return the column names of a file."""
    return list(pq.read_schema(path).names)


def in_column_order(path: Path, names: Sequence[str]) -> Path:
    """Return a file with the same rows and exactly the columns `names`; the same file if they match.

    Otherwise a new file is written next to it, in which missing columns are null.
    """
    with pq.ParquetFile(path) as source:
        schema = source.schema_arrow
        if list(schema.names) == list(names):
            return path
        ordered = path.with_suffix(".ordered.parquet")
        absent = [pa.field(name, pa.null()) for name in names if name not in schema.names]
        fields = {field.name: field for field in [*schema, *absent]}
        with pq.ParquetWriter(ordered, pa.schema([fields[name] for name in names])) as target:
            for group in range(source.num_row_groups):
                rows = source.read_row_group(group)
                for field in absent:
                    rows = rows.append_column(field, pa.nulls(len(rows)))
                target.write_table(rows.select(list(names)))
    return ordered


def join_files(folder: Path, files: Sequence[str], schema: pa.Schema, name: str) -> tuple[Path, int] | None:
    """Join small files with one schema into `name`; return the file and its row count, None for no rows."""
    # without partitioning: a folder named `key=value` is not a column
    parts = (pq.read_table(folder / file, partitioning=None) for file in files)
    whole = pa.concat_tables([schema.empty_table(), *parts])
    if not whole.num_rows:
        return None
    pq.write_table(whole, folder / name, compression="zstd")
    return folder / name, whole.num_rows
