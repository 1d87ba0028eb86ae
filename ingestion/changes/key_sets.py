"""Compare sets of keys in Parquet files with DuckDB, in limited memory, to find new and deleted keys.

Large sets are compared in parts by hash, one after the other. Only one comparison runs at a time.
"""

import glob
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from threading import Lock

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.parquet import open_writer

MEMORY_LIMIT = "64MB"  # DuckDB uses twice that; a part of long keys needs half of it
PART_ROWS = 2_000_000
BATCH_ROWS = 100_000
# DuckDB treats a path as a pattern, and `name=value` in it as a column
FILE = "read_parquet(?, hive_partitioning = false)"

_one_at_a_time = Lock()


def count_missing(keys: Path, other: Path) -> int:
    """Return how many of `keys` are not in `other`."""
    with _session(keys.parent) as session:
        return sum(
            _count(session, f"select count(*) from ({_difference(part)})", [keys, other])
            for part in _parts(keys, other)
        )


def missing(keys: Path, other: Path, schema: pa.Schema) -> Generator[pa.RecordBatch, None, None]:
    """Yield the `keys` that are not in `other`; each part ordered by key.

    No other comparison can start before the generator ends or is closed.
    """
    order = ", ".join(str(number + 1) for number in range(len(schema)))
    with _session(keys.parent) as session:
        for part in _parts(keys, other):
            query = f"{_difference(part)} order by {order}"
            found = session.execute(query, [_pattern(keys), _pattern(other)]).to_arrow_reader(BATCH_ROWS)
            for batch in found:
                yield from pa.Table.from_batches([batch]).cast(schema).to_batches()


def write_union(keys: Path, other: Path, target: Path) -> None:
    """Write the union of the keys of both files to `target`."""
    with (
        pq.ParquetFile(keys) as first,
        closing(missing(other, keys, first.schema_arrow)) as rest,
        open_writer(target, first.schema_arrow) as file,
    ):
        for batch in chain(first.iter_batches(BATCH_ROWS), rest):
            file.write_batch(batch)


def count_invalid(keys: Path, columns: tuple[str, ...]) -> int:
    """Return how many rows of the file have a duplicate key or a null in it."""
    complete = " and ".join(f"{_quoted_name(column)} is not null" for column in columns)
    with _session(keys.parent) as session:
        valid = sum(
            _count(
                session,
                f"select count(*) from (select distinct * from {FILE} where {complete} and {part})",
                [keys],
            )
            for part in _parts(keys)
        )
    return int(pq.read_metadata(keys).num_rows) - valid


def _difference(part: str) -> str:
    return f"select * from {FILE} where {part} except select * from {FILE} where {part}"


def _parts(*files: Path) -> list[str]:
    """Return conditions that split all files in the same way, into parts that fit in memory."""
    names = ", ".join(map(_quoted_name, pq.read_schema(files[0]).names))
    rows = max(pq.read_metadata(file).num_rows for file in files)
    count = rows // PART_ROWS + 1
    return [f"hash({names}) % {count} = {part}" for part in range(count)] if count > 1 else ["true"]


def _count(session: duckdb.DuckDBPyConnection, query: str, files: Sequence[Path]) -> int:
    row = session.execute(query, [_pattern(file) for file in files]).fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def _session(scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with _one_at_a_time, duckdb.connect(":memory:") as session:
        session.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        session.execute("set threads = 1")  # the readers run in parallel already
        session.execute("set preserve_insertion_order = false")
        session.execute(f"set temp_directory = '{_quoted(scratch / 'duckdb')}'")
        try:
            yield session
        except duckdb.IOException as error:
            raise OSError(str(error)) from error  # a full disk is reported in the same way everywhere


def _pattern(path: Path) -> str:
    """Return a pattern that matches only this path."""
    text = str(path)
    return glob.escape(text.replace("\\", "\\\\")) if glob.has_magic(text) else text


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _quoted_name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
