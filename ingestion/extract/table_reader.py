"""Reads one table into the spool: changed rows, then records of the keys that are gone."""

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
from ingestion.changes.xid import Previous
from ingestion.extract import daily_totals, rejected_values
from ingestion.extract.csv_arrow import Block, read_block
from ingestion.extract.rejected_values import Rejected
from ingestion.read_window import Window
from ingestion.source import sql
from ingestion.source.errors import translated
from ingestion.source.identity import Identity
from ingestion.source.login import Connection
from ingestion.source.postgres import TableCount, copy_out, count_days
from metadata.spec import Column, Lookup, Table
from warehouse.parquet import GroupWriter, open_writer
from warehouse.raw_tables import DELETE, UPSERT, arrow_schema, key_schema, plumbing_names, record_source

logger = logging.getLogger(__name__)

# What one reader takes of a table at a time, as CSV text. Its Arrow form is about as large again.
BLOCK_BYTES = 4 * 2**20
# The server goes on while a row group is written, which takes as long as it needs for two blocks.
BLOCKS_AHEAD = 3

KnownKeys = Callable[[Table, Previous], Path]


@dataclass(frozen=True)
class TableTask:
    """What to read of a table, and what is known of it.

    `has_key`: the source itself keeps its key unique. `lookups`: what its control totals need of other
    tables; `by_day`: take them by day, too. `rejected_limit`: how many values may be set apart. `all_keys`:
    read all keys, whatever the numbers say.
    """

    table: Table
    window: Window
    window_to: str
    previous: Previous | None
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
    def is_idle(self) -> bool:
        """Nothing was written and no row is gone: with no new key, as many keys are the same keys."""
        return (
            self.window.mode == "incremental"
            and not self.all_keys
            and self.count.changed == 0
            and self.previous is not None
            and self.previous.rows == self.count.rows
        )


@dataclass(frozen=True)
class _Keys:
    """All keys of now, and those of before to compare them with (None: none can be gone)."""

    now: Path
    before: Path | None


def extract_table(
    reader: Connection, task: TableTask, folder: Path, known_keys: KnownKeys
) -> staged_files.TableSpool:
    """Write the table's changes to the spool and return what was written; an idle table writes nothing.

    Raises PermanentError for a key that BigQuery cannot hold or that is not unique and for too many rejected
    values, TransientError when the source is lost.
    """
    started_at = datetime.now(UTC)
    if task.is_idle:
        return _with_days(reader, task, folder, _report(task, started_at))
    table = task.table
    rows_file = folder / f"{table.raw_name}.parquet"
    lost = 0
    with ExitStack() as stack:
        rows = stack.enter_context(open_writer(rows_file, arrow_schema(table), plumbing_names()))
        upserts = folder / f"{table.raw_name}.upserts.keys.parquet"
        rows_read, unfit = _copy_rows(reader, task, rows, upserts)
        keys = _compare_keys(reader, task, upserts, known_keys)
        deleted = _write_deletes(task, rows, keys)
        if keys.before is not None and task.window.mode == "incremental":
            lost = _count_lost(keys, upserts)
    if lost:
        logger.warning(
            "%s: raw lacks %d rows that the source holds: reading all of it", table.qualified, lost
        )
        return extract_table(reader, _whole(task, lost), folder, known_keys)
    written = rows_read + deleted
    report = _report(task, started_at).model_copy(
        update={
            "rows_read": rows_read,
            "rows_upserted": rows_read,
            "rows_deleted": deleted,
            "file": rows_file.name if written else None,
            "keys_file": keys.now.name,
            "bytes": rows_file.stat().st_size if written else 0,
            "sha256": staged_files.checksum(rows_file) if written else None,
            "rejected": len(unfit),
            "rejected_file": _write_rejected(task, folder, unfit),
            "finished_at": datetime.now(UTC),
        }
    )
    return _with_days(reader, task, folder, report)


def _with_days(
    reader: Connection, task: TableTask, folder: Path, report: staged_files.TableSpool
) -> staged_files.TableSpool:
    """Put the control totals by day into the spool, where the task asks for them."""
    if not task.by_day:
        return report
    totals = count_days(reader, task.table, task.lookups)
    file = folder / f"{task.table.raw_name}.days.parquet"
    daily_totals.write(file, task.table.qualified, totals, task.batch_id, task.load_dts)
    return report.model_copy(
        update={"days": len(totals), "days_file": file.name, "finished_at": datetime.now(UTC)}
    )


def _write_rejected(task: TableTask, folder: Path, unfit: Sequence[Rejected]) -> str | None:
    if not unfit:
        return None
    file = folder / f"{task.table.raw_name}.rejected.parquet"
    rejected_values.write(file, task.table.qualified, unfit, task.batch_id, task.load_dts)
    return file.name


def _copy_rows(
    reader: Connection, task: TableTask, rows: GroupWriter, keys_file: Path
) -> tuple[int, list[Rejected]]:
    """Copy the window into the spool, and its keys into a file of their own.

    Returns the number of rows, and the values in them that had to be set apart.
    """
    table = task.table
    query = sql.select_rows(table, task.lookups, task.window)
    count = 0
    unfit: list[Rejected] = []
    with (
        open_writer(keys_file, key_schema(table)) as keys,
        closing(_blocks(reader, query, table, table.loaded_columns)) as blocks,
    ):
        for block in blocks:
            batch = block.rows
            unfit += rejected_values.set_apart(block, table)
            rejected_values.check_limit(unfit, task.rejected_limit, table)
            rows.write_batch(_stamped(batch, task, UPSERT))
            keys.write_batch(batch.select(list(table.primary_key)))
            count += batch.num_rows
    if count != task.count.changed:
        raise PermanentError(
            f"{table.qualified}: {count} rows came, {task.count.changed} were counted in the same snapshot. "
            "This must not happen: please report it, with the versions of Postgres and of this program."
        )
    _check_keys(task, keys_file)
    return count, unfit


def _compare_keys(reader: Connection, task: TableTask, upserts: Path, known_keys: KnownKeys) -> _Keys:
    """Find out which keys there are now, reading as little as that takes.

    Every key of now was there before or is among the rows read. So when the numbers add up, none is gone, and
    the keys of the whole table need not be read.
    """
    previous, table = task.previous, task.table
    if previous is None:
        return _Keys(upserts, None)
    before = known_keys(table, previous)
    if task.window.mode == "full":
        return _Keys(upserts, before)
    now = upserts.with_name(f"{table.raw_name}.keys.parquet")
    # where nothing guards the key, a repeated one can hide that another is gone
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
            rejected_values.set_apart(block, table)
            keys.write_batch(block.rows)
    _check_keys(task, now)
    return _Keys(now, before)


def _count_lost(keys: _Keys, upserts: Path) -> int:
    """How many keys of now are neither those of before nor among the rows read: no load has brought them."""
    assert keys.before is not None
    known = upserts.with_name(f"{upserts.stem}.known.parquet")
    key_sets.write_union(keys.before, upserts, known)
    return key_sets.count_missing(keys.now, known)


def _whole(task: TableTask, lost: int) -> TableTask:
    """The same task, for all rows of the table."""
    return replace(
        task,
        window=Window("full", f"{lost} rows of the source were not in raw"),
        count=replace(task.count, changed=task.count.rows),
        all_keys=False,
    )


def _write_deletes(task: TableTask, rows: GroupWriter, keys: _Keys) -> int:
    """Append a delete record, key and plumbing only, for every key that is gone. Returns their number."""
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
            rows.write_batch(_stamped(batch, task, DELETE))
            count += gone.num_rows
    return count


def _blocks(
    reader: Connection, query: sql.Query, table: Table, columns: tuple[Column, ...]
) -> Generator[Block, None, None]:
    blocks = read_ahead(copy_out(reader, query, BLOCK_BYTES), BLOCKS_AHEAD)
    with translated(f"reading {table.qualified}", reader.limit_s), closing(blocks):
        for block in blocks:
            yield read_block(block, table, columns)


def _stamped(batch: pa.RecordBatch, task: TableTask, change_type: str) -> pa.RecordBatch:
    """Add the plumbing columns and give every column its exact type."""
    schema = arrow_schema(task.table)
    values = (task.batch_id, task.load_dts, record_source(task.table), change_type)
    plumbing = [
        pa.repeat(pa.scalar(value, schema.field(index + batch.num_columns).type), batch.num_rows)
        for index, value in enumerate(values)
    ]
    columns = [column.cast(schema.field(index).type) for index, column in enumerate(batch.columns)]
    return pa.RecordBatch.from_arrays([*columns, *plumbing], schema=schema)


def _check_keys(task: TableTask, keys_file: Path) -> None:
    """Raise PermanentError when the key of a table whose key nobody guards is null or comes twice."""
    if task.has_key:
        return
    table = task.table
    faulty = key_sets.count_faulty(keys_file, table.primary_key)
    if faulty:
        names = ", ".join(table.primary_key)
        raise PermanentError(
            f"{table.qualified}: {faulty} rows repeat or lack the key ({names}), and no unique index of the "
            "source prevents it. Correct the rows, or choose another primary_key in "
            f"metadata/tables/{table.schema_name}/{table.name}.yml."
        )


def _report(task: TableTask, started_at: datetime) -> staged_files.TableSpool:
    """The report of a table of which nothing was read."""
    previous = task.previous
    return staged_files.TableSpool(
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
