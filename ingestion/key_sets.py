"""Sets of keys as Parquet files, compared by DuckDB in bounded memory: which are new, which are gone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

MEMORY_LIMIT = "256MB"
BATCH_ROWS = 100_000


def count_missing(keys: Path, other: Path) -> int:
    """Return how many of `keys` are not in `other`."""
    with _session(keys.parent) as session:
        difference = "select * from read_parquet(?) except select * from read_parquet(?)"
        row = session.execute(f"select count(*) from ({difference})", [str(keys), str(other)]).fetchone()
    assert row is not None
    return int(row[0])


def missing(keys: Path, other: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield those of `keys` that are not in `other`, in the order of the key."""
    order = ", ".join(str(number + 1) for number in range(len(schema)))
    with _session(keys.parent) as session:
        found = session.execute(
            f"select * from read_parquet(?) except select * from read_parquet(?) order by {order}",
            [str(keys), str(other)],
        ).to_arrow_reader(BATCH_ROWS)
        for batch in found:
            yield from pa.Table.from_batches([batch]).cast(schema).to_batches()


def write_union(keys: Path, other: Path, target: Path) -> None:
    """Write the keys of both files to `target`, each once."""
    with _session(target.parent) as session:
        session.execute(
            "copy (select * from read_parquet(?) union select * from read_parquet(?)) "
            f"to '{_quoted(target)}' (format parquet, compression zstd)",
            [str(keys), str(other)],
        )


def count_faulty(keys: Path, columns: tuple[str, ...]) -> int:
    """Return how many rows of the file repeat a key or lack a part of it."""
    names = ", ".join(f'"{column}"' for column in columns)
    whole = " and ".join(f'"{column}" is not null' for column in columns)
    query = f"""
        with rows as (select {names} from read_parquet(?)),
        sound as (select distinct {names} from rows where {whole})
        select (select count(*) from rows) - (select count(*) from sound)
    """
    with _session(keys.parent) as session:
        row = session.execute(query, [str(keys)]).fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def _session(scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as session:
        session.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        session.execute("set threads = 1")  # the readers run in parallel already
        session.execute("set preserve_insertion_order = false")
        session.execute(f"set temp_directory = '{_quoted(scratch / 'duckdb')}'")
        yield session


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
