"""Parquet files, a row group at a time."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def open_writer(path: Path, schema: pa.Schema, repetitive: Sequence[str] = ()) -> pq.ParquetWriter:
    """Return a writer of a new file; the caller closes it. `repetitive` columns hold few different values.

    Only those are written through a dictionary: for all others looking up every value costs a third of the
    writing, and makes the file larger, too.
    """
    return pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=list(repetitive))


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
    whole = pa.concat_tables([schema.empty_table(), *(pq.read_table(folder / file) for file in files)])
    if not whole.num_rows:
        return None
    pq.write_table(whole, folder / name, compression="zstd")
    return folder / name, whole.num_rows
