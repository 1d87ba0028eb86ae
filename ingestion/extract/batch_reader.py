"""Reads one batch from the source into a whole spool: look first, then extract.

Everything that can be found wrong without reading rows is found before the ledger knows of the batch.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from config.errors import PermanentError
from config.parallel import in_parallel
from ingestion import staged_files
from ingestion.batch_ledger import Batch, LedgerState, give_up, open_batch
from ingestion.changes import key_cache
from ingestion.changes.alterations import check_same, unaltered
from ingestion.changes.new_columns import SchemaChange, all_with_new_columns
from ingestion.changes.xid import ended_to_text, has_shrunk, plan_window, unfinished_range
from ingestion.extract import daily_totals, rejected_values
from ingestion.extract.table_reader import TableTask, extract_table
from ingestion.read_window import Window
from ingestion.report import Progress
from ingestion.run import Run
from ingestion.source import catalog, postgres
from ingestion.source.drift import Drift, LiveTable, check_drift, find_drift
from ingestion.source.identity import identity_of
from ingestion.source.login import Connection
from ingestion.source.postgres import Picture, TableCount, ToCount
from ingestion.source.row_security import check_row_security
from ingestion.staged_files import Manifest, TableSpool
from metadata.spec import Table
from warehouse.raw_tables import raw_layout
from warehouse.tables import ensure_table


@dataclass(frozen=True)
class _Source:
    """The source held still: its tables as they are, the picture, and connections that see it.

    `coordinator`: holds the locks; unlike the readers it sees what changes meanwhile.
    """

    coordinator: Connection
    tables: tuple[Table, ...]
    live: Mapping[str, LiveTable]
    drift: Drift
    changes: tuple[SchemaChange, ...]
    picture: Picture
    readers: tuple[Connection, ...]


@dataclass(frozen=True)
class Found:
    """A batch in the spool, and how the source differs from the metadata: optional tables that it lacks, and
    what became of columns that the metadata do not know.
    """

    manifest: Manifest
    absent: tuple[str, ...]
    changes: tuple[SchemaChange, ...]


def read_batch(run: Run, state: LedgerState) -> Found:
    """Read what changed into a whole spool, and tell how the source differs from the metadata.

    Raises PermanentError for drift, shrunken tables and broken values. The source is free when this returns.
    """
    with _open_source(run, state) as source:
        if not run.allow_shrink:
            _check_absent(source.drift, state)
        batch = _new_batch(state, source.picture)
        tasks = _plan(run, state, source, batch)
        ended = ended_to_text(xid for task in tasks for xid in task.count.ended)
        if not run.allow_shrink:
            check_shrink({task.table.qualified: _lost(task) for task in tasks}, state)
        run.tell(Progress(stage="planned", total=len(tasks)))
        open_batch(run.client, run.settings, batch, ended)
        run.tell(Progress(stage="opened", total=len(tasks)))
        try:
            _make_room(run, state, source.tables)
            since = source.picture.snapshot.xmax
            with unaltered(source.coordinator, source.tables, source.live, since):
                manifest = _fill_spool(run, state, source, batch, tasks)
        except Exception as error:
            give_up(run.client, run.settings, batch.batch_id, str(error))
            raise
    run.tell(Progress(stage="spooled", total=len(tasks)))
    return Found(manifest, source.drift.absent, source.changes)


def check_shrink(lost: Mapping[str, int], state: LedgerState) -> None:
    """Raise PermanentError naming each table that lost more rows than is likely. `lost`: rows by table."""
    problems = [
        f"  {name}: {rows} of {state.previous[name].rows} rows are gone"
        for name, rows in lost.items()
        if name in state.previous and has_shrunk(state.previous[name].rows, rows)
    ]
    if problems:
        listed = "\n".join(problems)
        raise PermanentError(
            f"tables of the source have shrunk since the previous batch; nothing was loaded:\n{listed}\n"
            "When these rows were meant to go, run again with --allow-shrink."
        )


def _check_absent(drift: Drift, state: LedgerState) -> None:
    """An optional table may be missing, but not go away after it was loaded."""
    gone = [name for name in drift.absent if name in state.previous]
    if gone:
        raise PermanentError(
            f"the source has lost {', '.join(gone)}; nothing was loaded. Restore it, or leave it as it is in "
            "raw by --allow-shrink."
        )


@contextmanager
def _open_source(run: Run, state: LedgerState) -> Iterator[_Source]:
    """Check the source against the metadata, hold its tables still, and open readers of one snapshot."""
    with ExitStack() as stack:
        coordinator = stack.enter_context(_closing(postgres.connect(run.settings)))
        live = catalog.live_tables(coordinator, run.tables)
        drift = find_drift(run.tables, live)
        check_drift(drift)
        present = tuple(table for table in run.tables if table.qualified in live)
        if not present:
            raise PermanentError("the source has none of the chosen tables, all of which are optional.")
        check_row_security(coordinator, present)
        picture = postgres.open_picture(coordinator, present)
        check_same(live, catalog.live_tables(coordinator, run.tables))
        readers = [
            stack.enter_context(_closing(postgres.open_reader(run.settings, picture)))
            for _ in range(run.settings.readers)
        ]
        tables, changes = all_with_new_columns(
            present, live, state.previous, load=run.settings.load_new_columns
        )
        yield _Source(coordinator, tables, live, drift, changes, picture, tuple(readers))


def _make_room(run: Run, state: LedgerState, tables: Sequence[Table]) -> None:
    """Add to raw the columns that the metadata lack, before the first batch that brings them."""
    for table in tables:
        previous = state.previous.get(table.qualified)
        known = set(run.catalog.table(table.qualified).column_names)
        if previous and previous.columns and not run.full:
            known |= previous.columns.keys()
        if not known.issuperset(table.column_names):
            ensure_table(run.client, raw_layout(run.settings, table))


@contextmanager
def _closing(connection: Connection) -> Iterator[Connection]:
    try:
        yield connection
    finally:
        connection.close()


def _new_batch(state: LedgerState, picture: Picture) -> Batch:
    """The next batch. Its load_dts is later than any before, and its applied_dts not earlier."""
    now = datetime.now(UTC)
    after_last = state.last_load_dts + timedelta(microseconds=1) if state.last_load_dts else now
    return Batch(
        batch_id=state.last_batch_id + 1,
        load_dts=max(now, after_last),
        applied_dts=max(picture.applied_dts, state.last_applied_dts or picture.applied_dts),
        source_system=picture.source_system,
        snapshot=picture.snapshot.text,
        started_at=now,
    )


def _plan(run: Run, state: LedgerState, source: _Source, batch: Batch) -> list[TableTask]:
    """Choose each table's window and count it; the largest come first, so that readers end together."""
    identities = {
        table.qualified: identity_of(source.live[table.qualified].structure, table) for table in source.tables
    }
    windows = {
        table.qualified: plan_window(
            state.previous.get(table.qualified),
            source.picture.snapshot,
            source.picture.source_system,
            identities[table.qualified],
            full=run.full,
        ).with_days(run.days if table.day else None)
        for table in source.tables
    }
    counts = _count(run, source, windows)
    tasks = _with_days(
        [
            TableTask(
                table=table,
                window=windows[table.qualified],
                window_to=batch.snapshot,
                previous=state.previous.get(table.qualified),
                count=counts[table.qualified],
                has_key=source.live[table.qualified].has_key,
                identity=identities[table.qualified],
                batch_id=batch.batch_id,
                load_dts=batch.load_dts,
                lookups=run.catalog.lookups(table),
                rejected_limit=run.settings.rejected_limit,
                all_keys=run.compare_keys,
            )
            for table in source.tables
        ],
    )
    return sorted(tasks, key=lambda task: task.count.changed, reverse=True)


def _with_days(tasks: Sequence[TableTask]) -> list[TableTask]:
    """Ask for totals by day of each table that changed, or whose totals need a table that did."""
    changed = {task.table.qualified for task in tasks if not task.is_idle}
    return [
        replace(
            task,
            by_day=task.table.day is not None
            and not changed.isdisjoint(
                {task.table.qualified, *(lookup.table.qualified for lookup in task.lookups)}
            ),
        )
        for task in tasks
    ]


def _count(run: Run, source: _Source, windows: Mapping[str, Window]) -> dict[str, TableCount]:
    """Count all tables, one query per reader."""
    unfinished = unfinished_range(source.picture.snapshot)
    wanted = [
        ToCount(table, run.catalog.lookups(table), windows[table.qualified], unfinished)
        for table in source.tables
    ]
    shares = [
        share for start in range(len(source.readers)) if (share := wanted[start :: len(source.readers)])
    ]
    counts: dict[str, TableCount] = {}
    in_parallel(source.readers, shares, postgres.count_tables, on_done=counts.update, stop=postgres.break_off)
    return counts


def _fill_spool(
    run: Run, state: LedgerState, source: _Source, batch: Batch, tasks: Sequence[TableTask]
) -> Manifest:
    """Extract every table in parallel, then make the spool whole."""
    folder = staged_files.new_folder(run.settings, batch.batch_id)
    done: list[TableSpool] = []

    def extract(reader: Connection, task: TableTask) -> TableSpool:
        strict = task.window.mode == "incremental" and not run.compare_keys
        return extract_table(
            reader,
            task,
            folder,
            lambda table, previous: key_cache.known_keys(
                run.client, run.settings, table, previous, strict=strict, fresh=run.compare_keys
            ),
        )

    def tell(table: TableSpool) -> None:
        done.append(table)
        run.tell(
            Progress(stage="extracted", table=table.table, rows=table.rows, done=len(done), total=len(tasks))
        )

    tables = in_parallel(source.readers, tasks, extract, on_done=tell, stop=postgres.break_off)
    if not run.allow_shrink:
        check_shrink({table.table: table.rows_deleted for table in tables}, state)
    days = sorted(each.days_file for each in tables if each.days_file)
    values = sorted(each.rejected_file for each in tables if each.rejected_file)
    manifest = Manifest(
        batch_id=batch.batch_id,
        load_dts=batch.load_dts,
        applied_dts=batch.applied_dts,
        source_system=batch.source_system,
        tables=tuple(sorted(tables, key=lambda table: table.table)),
        daily=staged_files.ledger_file(daily_totals.join(folder, days)),
        rejected=staged_files.ledger_file(rejected_values.join(folder, values)),
    )
    staged_files.write_manifest(folder, manifest)
    return manifest


def _lost(task: TableTask) -> int:
    """How many rows fewer than at the previous batch; deletes that new rows make up for do not show."""
    return task.previous.rows - task.count.rows if task.previous else 0
