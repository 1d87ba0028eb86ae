"""Extract one table to staged files: changed rows, then delete records for keys that are gone."""

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from config.errors import PermanentError
from config.parallel import read_ahead
from ingestion import staged_files
from ingestion.changes import key_sets
from ingestion.changes.xid import PreviousLoad
from ingestion.extract import daily_totals, rejected_values
from ingestion.extract.csv_arrow import Block, read_block
from ingestion.extract.rejected_values import RejectedValue
from ingestion.read_window import Window
from ingestion.source import sql
from ingestion.source.errors import translated
from ingestion.source.identity import Identity
from ingestion.source.login import Connection
from ingestion.source.postgres import TableCount, copy_out, count_days
from metadata.spec import Column, Lookup, Table
from warehouse.parquet import GroupWriter, open_writer
from warehouse.raw_tables import DELETE, UPSERT, arrow_schema, key_schema, record_source, system_column_names

logger = logging.getLogger(__name__)

# CSV text that a reader fetches at a time. As Arrow data it takes about the same memory again.
BLOCK_BYTES = 4 * 2**20
# Writing a row group takes as long as the server needs for two blocks, so fetch more ahead.
BLOCKS_AHEAD = 3

PreviousKeys = Callable[[Table, PreviousLoad], Path]


@dataclass(frozen=True)
class TableTask:
    """What to read of a table, and what is known about it.

    `has_key`: the source enforces a unique key. `lookups`: other tables that its control totals need.
    `by_day`: compute control totals by day, too. `rejected_limit`: how many rejected values are allowed.
    `all_keys`: read all keys, even if the row counts are equal.
    """

    table: Table
    window: Window
    window_to: str
    previous: PreviousLoad | None
    count: TableCount
    has_key: bool
    identity: Identity
    batch_id: int
    load_dts: datetime
    lookups: tuple[Lookup, ...] = ()
    by_day: bool = False
    rejected_limit: int = 0
    all_keys: bool = False

    @property
    def is_unchanged(self) -> bool:
        """Whether no row was written or deleted: without new keys, an equal count means equal keys."""
        return (
            self.window.mode == "incremental"
            and not self.all_keys
            and self.count.changed == 0
            and self.previous is not None
            and self.previous.rows == self.count.rows
        )


@dataclass(frozen=True)
class _Keys:
    """Files of all current keys, and of the previous keys (None: no key can be gone)."""

    now: Path
    before: Path | None


def extract_table(
    reader: Connection, task: TableTask, folder: Path, previous_keys: PreviousKeys
) -> staged_files.StagedTable:
    """Write the changes of the table to staged files; for an unchanged table, write none.

    Raises PermanentError for keys that BigQuery cannot hold or that are not unique and for too many rejected
    values, TransientError if the source is lost.
    """
    started_at = datetime.now(UTC)
    if task.is_unchanged:
        return _with_days(reader, task, folder, _staged_table(task, started_at))
    table = task.table
    rows_file = folder / f"{table.raw_name}.parquet"
    lost = 0
    with ExitStack() as stack:
        rows = stack.enter_context(open_writer(rows_file, arrow_schema(table), system_column_names()))
        upserts = folder / f"{table.raw_name}.upserts.keys.parquet"
        rows_read, rejected = _copy_rows(reader, task, rows, upserts)
        keys = _compare_keys(reader, task, upserts, previous_keys)
        deleted = _write_deletes(task, rows, keys)
        if keys.before is not None and task.window.mode == "incremental":
            lost = _count_lost(keys, upserts)
    if lost:
        logger.warning(
            "%s: %d rows of the source are missing in raw: reading the whole table", table.qualified, lost
        )
        return extract_table(reader, _as_full_read(task, lost), folder, previous_keys)
    written = rows_read + deleted
    staged = _staged_table(task, started_at).model_copy(
        update={
            "rows_read": rows_read,
            "rows_upserted": rows_read,
            "rows_deleted": deleted,
            "file": rows_file.name if written else None,
            "keys_file": keys.now.name,
            "bytes": rows_file.stat().st_size if written else 0,
            "sha256": staged_files.checksum(rows_file) if written else None,
            "rejected": len(rejected),
            "rejected_file": _write_rejected(task, folder, rejected),
            "finished_at": datetime.now(UTC),
        }
    )
    return _with_days(reader, task, folder, staged)


def _with_days(
    reader: Connection, task: TableTask, folder: Path, staged: staged_files.StagedTable
) -> staged_files.StagedTable:
    """Stage the control totals by day, if the task requests them."""
    if not task.by_day:
        return staged
    totals = count_days(reader, task.table, task.lookups)
    file = folder / f"{task.table.raw_name}.days.parquet"
    daily_totals.write(file, task.table.qualified, totals, task.batch_id, task.load_dts)
    return staged.model_copy(
        update={"days": len(totals), "days_file": file.name, "finished_at": datetime.now(UTC)}
    )


def _write_rejected(task: TableTask, folder: Path, rejected: Sequence[RejectedValue]) -> str | None:
    if not rejected:
        return None
    file = folder / f"{task.table.raw_name}.rejected.parquet"
    rejected_values.write(file, task.table.qualified, rejected, task.batch_id, task.load_dts)
    return file.name


def _copy_rows(
    reader: Connection, task: TableTask, rows: GroupWriter, keys_file: Path
) -> tuple[int, list[RejectedValue]]:
    """Write the rows of the window to the staged file, and their keys to a separate file.

    Returns the number of rows, and the rejected values in them.
    """
    table = task.table
    query = sql.select_rows(table, task.lookups, task.window)
    count = 0
    rejected: list[RejectedValue] = []
    with (
        open_writer(keys_file, key_schema(table)) as keys,
        closing(_blocks(reader, query, table, table.loaded_columns)) as blocks,
    ):
        for block in blocks:
            batch = block.rows
            rejected += rejected_values.reject(block, table)
            rejected_values.check_limit(rejected, task.rejected_limit, table)
            rows.write_batch(_with_system_columns(batch, task, UPSERT))
            keys.write_batch(batch.select(list(table.primary_key)))
            count += batch.num_rows
    if count != task.count.changed:
        raise PermanentError(
            f"{table.qualified}: {count} rows were read, {task.count.changed} counted in the same snapshot. "
            "This is a bug: please report it, with the versions of Postgres and of this program."
        )
    _check_keys(task, keys_file)
    return count, rejected


def _compare_keys(reader: Connection, task: TableTask, upserts: Path, previous_keys: PreviousKeys) -> _Keys:
    """Determine the current keys, reading as little as possible.

    Every current key either existed before or is among the rows just read. So if the counts add up, no key is
    gone, and there is no need to read the keys of the whole table.
    """
    previous, table = task.previous, task.table
    if previous is None:
        return _Keys(upserts, None)
    before = previous_keys(table, previous)
    if task.window.mode == "full":
        return _Keys(upserts, before)
    now = upserts.with_name(f"{table.raw_name}.keys.parquet")
    # without a unique index, a duplicate key can hide a deleted one
    trusted = task.has_key and not task.all_keys
    if trusted and previous.rows + key_sets.count_missing(upserts, before) == task.count.rows:
        key_sets.write_union(before, upserts, now)
        return _Keys(now, None)
    columns = tuple(table.column(name) for name in table.primary_key)
    with (
        open_writer(now, key_schema(table)) as keys,
        closing(_blocks(reader, sql.select_keys(table), table, columns)) as blocks,
    ):
        for block in blocks:
            rejected_values.reject(block, table)
            keys.write_batch(block.rows)
    _check_keys(task, now)
    return _Keys(now, before)


def _count_lost(keys: _Keys, upserts: Path) -> int:
    """Count the current keys that neither existed before nor were just read: no load contained them."""
    assert keys.before is not None
    known = upserts.with_name(f"{upserts.stem}.known.parquet")
    key_sets.write_union(keys.before, upserts, known)
    return key_sets.count_missing(keys.now, known)


def _as_full_read(task: TableTask, lost: int) -> TableTask:
    """Return the same task for all rows of the table."""
    return replace(
        task,
        window=Window("full", f"{lost} rows of the source were not in raw"),
        count=replace(task.count, changed=task.count.rows),
        all_keys=False,
    )


def _write_deletes(task: TableTask, rows: GroupWriter, keys: _Keys) -> int:
    """Append a delete record (key and system columns) for every key that is gone; return their number."""
    if keys.before is None:
        return 0
    count = 0
    source_columns = arrow_schema(task.table).names[: len(task.table.loaded_columns)]
    with closing(key_sets.missing(keys.before, keys.now, key_schema(task.table))) as missing:
        for gone in missing:
            nulls = {
                name: pa.nulls(gone.num_rows) for name in source_columns if name not in gone.schema.names
            }
            columns = {**nulls, **{name: gone.column(name) for name in gone.schema.names}}
            batch = pa.RecordBatch.from_arrays([columns[name] for name in source_columns], source_columns)
            rows.write_batch(_with_system_columns(batch, task, DELETE))
            count += gone.num_rows
    return count


def _blocks(
    reader: Connection, query: sql.Query, table: Table, columns: tuple[Column, ...]
) -> Generator[Block, None, None]:
    blocks = read_ahead(copy_out(reader, query, BLOCK_BYTES), BLOCKS_AHEAD)
    with translated(f"reading {table.qualified}", reader.limit_s), closing(blocks):
        for block in blocks:
            yield read_block(block, table, columns)


def _with_system_columns(batch: pa.RecordBatch, task: TableTask, change_type: str) -> pa.RecordBatch:
    """Add the system columns and cast every column to its exact type."""
    schema = arrow_schema(task.table)
    values = (task.batch_id, task.load_dts, record_source(task.table), change_type)
    system_columns = [
        pa.repeat(pa.scalar(value, schema.field(index + batch.num_columns).type), batch.num_rows)
        for index, value in enumerate(values)
    ]
    columns = [column.cast(schema.field(index).type) for index, column in enumerate(batch.columns)]
    return pa.RecordBatch.from_arrays([*columns, *system_columns], schema=schema)


def _check_keys(task: TableTask, keys_file: Path) -> None:
    """Raise PermanentError for null or duplicate keys in a table without a unique index."""
    if task.has_key:
        return
    table = task.table
    invalid = key_sets.count_invalid(keys_file, table.primary_key)
    if invalid:
        names = ", ".join(table.primary_key)
        raise PermanentError(
            f"{table.qualified}: {invalid} rows repeat or lack the key ({names}), and no unique index in the "
            "source prevents it. Correct the rows, or choose another primary_key in "
            f"metadata/tables/{table.schema_name}/{table.name}.yml."
        )


def _staged_table(task: TableTask, started_at: datetime) -> staged_files.StagedTable:
    """Describe a table of which no row was read."""
    previous = task.previous
    return staged_files.StagedTable(
        table=task.table.qualified,
        mode=task.window.mode,
        reason=task.window.reason,
        window_from=previous.snapshot.text if previous else None,
        window_to=task.window_to,
        previous_load_dts=previous.load_dts if previous else None,
        source_rows=task.count.rows,
        controls=dict(task.count.controls),
        columns={column.name: column.type for column in task.table.loaded_columns},
        identity=task.identity,
        started_at=started_at,
        finished_at=datetime.now(UTC),
    )
