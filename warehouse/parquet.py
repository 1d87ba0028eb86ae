"""Parquet files, a row group at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

# The rows that DuckDB keeps together: of smaller groups the local warehouse loads a file a quarter slower.
GROUP_ROWS = 122_880
GROUP_BYTES = 32 * 2**20


class GroupWriter:
    """Gathers batches until they make a good row group; of wide rows, until they hold GROUP_BYTES."""

    def __init__(self, file: pq.ParquetWriter) -> None:
        self._file = file
        self._held: list[pa.RecordBatch] = []

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """Add rows to the file, at the latest when it is closed."""
        self._held.append(batch)
        if (
            sum(held.num_rows for held in self._held) >= GROUP_ROWS
            or sum(held.nbytes for held in self._held) >= GROUP_BYTES
        ):
            self.flush()

    def flush(self) -> None:
        """Write what is held as one row group."""
        if self._held:
            rows, self._held = pa.Table.from_batches(self._held), []
            self._file.write_table(rows)


@contextmanager
def open_writer(path: Path, schema: pa.Schema, repetitive: Sequence[str] = ()) -> Iterator[GroupWriter]:
    """Write a new file while the block runs. `repetitive` columns hold few different values.

    Only those are written through a dictionary: for all others looking up every value costs a third of the
    writing, and makes the file larger, too.
    """
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=list(repetitive)) as file:
        rows = GroupWriter(file)
        yield rows
        rows.flush()


def column_names(path: Path) -> list[str]:
    """Return the names of the columns of a file."""
    return list(pq.read_schema(path).names)


def in_column_order(path: Path, names: Sequence[str]) -> Path:
    """Return a file with the same rows and exactly the columns `names`: the file itself if it is so.

    Columns that it lacks are null in the new file beside it.
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
    """Put small files of one schema together as `name`; return the file and its rows, None for no row."""
    # without partitioning: a folder named `key=value` is no column
    parts = (pq.read_table(folder / file, partitioning=None) for file in files)
    whole = pa.concat_tables([schema.empty_table(), *parts])
    if not whole.num_rows:
        return None
    pq.write_table(whole, folder / name, compression="zstd")
    return folder / name, whole.num_rows
