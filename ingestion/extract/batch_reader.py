"""Read one batch from the source into staged files: check first, then extract.

All checks that need no rows run before the batch is recorded in the ledger.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from config.errors import PermanentError
from config.parallel import in_parallel
from ingestion import staged_files
from ingestion.batch_ledger import Batch, LedgerState, open_batch, void_batch
from ingestion.changes import key_cache
from ingestion.changes.alterations import check_unchanged, fail_if_altered
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
from ingestion.source.postgres import CountRequest, SourceSnapshot, TableCount
from ingestion.source.row_security import check_row_security
from ingestion.staged_files import Manifest, StagedTable
from metadata.spec import Table
from warehouse.raw_tables import raw_layout
from warehouse.tables import ensure_table


@dataclass(frozen=True)
class _OpenSource:
    """The locked source: its tables, the exported snapshot, and the connections that read it.

    `coordinator` holds the locks. Unlike the readers, it sees later changes.
    """

    coordinator: Connection
    tables: tuple[Table, ...]
    live: Mapping[str, LiveTable]
    drift: Drift
    changes: tuple[SchemaChange, ...]
    exported: SourceSnapshot
    readers: tuple[Connection, ...]


@dataclass(frozen=True)
class StagedBatch:
    """A staged batch, and how the source differs from the metadata.

    `absent`: optional tables that the source does not have. `changes`: columns that are not in the metadata.
    """

    manifest: Manifest
    absent: tuple[str, ...]
    changes: tuple[SchemaChange, ...]


def read_batch(run: Run, state: LedgerState) -> StagedBatch:
    """Read what changed into staged files. All locks on the source are released at the end.

    Raises PermanentError for drift, shrunken tables and invalid values.
    """
    with _open_source(run, state) as source:
        if not run.allow_shrink:
            _check_absent(source.drift, state)
        batch = _new_batch(state, source.exported)
        tasks = _plan(run, state, source, batch)
        ended = ended_to_text(xid for task in tasks for xid in task.count.ended)
        if not run.allow_shrink:
            check_shrink({task.table.qualified: _lost_rows(task) for task in tasks}, state)
        run.on_progress(Progress(stage="planned", total=len(tasks)))
        open_batch(run.client, run.settings, batch, ended)
        run.on_progress(Progress(stage="opened", total=len(tasks)))
        try:
            _add_new_columns(run, state, source.tables)
            since = source.exported.snapshot.xmax
            with fail_if_altered(source.coordinator, source.tables, source.live, since):
                manifest = _stage_tables(run, state, source, batch, tasks)
        except Exception as error:
            void_batch(run.client, run.settings, batch.batch_id, str(error))
            raise
    run.on_progress(Progress(stage="staged", total=len(tasks)))
    return StagedBatch(manifest, source.drift.absent, source.changes)


def check_shrink(lost: Mapping[str, int], state: LedgerState) -> None:
    """Raise PermanentError that lists each table that lost too many rows. `lost`: lost rows by table."""
    problems = [
        f"  {name}: {rows} of {state.previous[name].rows} rows are gone"
        for name, rows in lost.items()
        if name in state.previous and has_shrunk(state.previous[name].rows, rows)
    ]
    if problems:
        listed = "\n".join(problems)
        raise PermanentError(
            f"tables of the source have shrunk since the previous batch; nothing was loaded:\n{listed}\n"
            "If these rows were deleted on purpose, run again with --allow-shrink."
        )


def _check_absent(drift: Drift, state: LedgerState) -> None:
    """Raise PermanentError if an optional table that was loaded before is missing now."""
    gone = [name for name in drift.absent if name in state.previous]
    if gone:
        raise PermanentError(
            f"the source has lost {', '.join(gone)}; nothing was loaded. Restore it, or run with "
            "--allow-shrink to keep its rows in raw."
        )


@contextmanager
def _open_source(run: Run, state: LedgerState) -> Iterator[_OpenSource]:
    """Check the source against the metadata, lock its tables, and open readers of one snapshot."""
    with ExitStack() as stack:
        coordinator = stack.enter_context(_closing(postgres.connect(run.settings)))
        live = catalog.live_tables(coordinator, run.tables)
        drift = find_drift(run.tables, live)
        check_drift(drift)
        present = tuple(table for table in run.tables if table.qualified in live)
        if not present:
            raise PermanentError(
                "the source has none of the chosen tables, which are all optional. Choose other tables."
            )
        check_row_security(coordinator, present)
        exported = postgres.export_snapshot(coordinator, present)
        check_unchanged(live, catalog.live_tables(coordinator, run.tables))
        readers = [
            stack.enter_context(_closing(postgres.open_reader(run.settings, exported)))
            for _ in range(run.settings.readers)
        ]
        tables, changes = all_with_new_columns(
            present, live, state.previous, load=run.settings.load_new_columns
        )
        yield _OpenSource(coordinator, tables, live, drift, changes, exported, tuple(readers))


def _add_new_columns(run: Run, state: LedgerState, tables: Sequence[Table]) -> None:
    """Add columns that are not in the metadata to raw, before the first batch that loads them."""
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


def _new_batch(state: LedgerState, exported: SourceSnapshot) -> Batch:
    """Return the next batch. Its load_dts is later than all earlier ones, its applied_dts not earlier."""
    now = datetime.now(UTC)
    after_last = state.last_load_dts + timedelta(microseconds=1) if state.last_load_dts else now
    return Batch(
        batch_id=state.last_batch_id + 1,
        load_dts=max(now, after_last),
        applied_dts=max(exported.applied_dts, state.last_applied_dts or exported.applied_dts),
        source_system=exported.source_system,
        snapshot=exported.snapshot.text,
        started_at=now,
    )


def _plan(run: Run, state: LedgerState, source: _OpenSource, batch: Batch) -> list[TableTask]:
    """Choose the window of each table and count its rows. The largest come first to balance the readers."""
    identities = {
        table.qualified: identity_of(source.live[table.qualified].structure, table) for table in source.tables
    }
    windows = {
        table.qualified: plan_window(
            state.previous.get(table.qualified),
            source.exported.snapshot,
            source.exported.source_system,
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
    """Request totals by day for each table that changed, or whose totals depend on a changed table."""
    changed = {task.table.qualified for task in tasks if not task.is_unchanged}
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


def _count(run: Run, source: _OpenSource, windows: Mapping[str, Window]) -> dict[str, TableCount]:
    """Count all tables, one query per reader."""
    unfinished = unfinished_range(source.exported.snapshot)
    wanted = [
        CountRequest(table, run.catalog.lookups(table), windows[table.qualified], unfinished)
        for table in source.tables
    ]
    shares = [
        share for start in range(len(source.readers)) if (share := wanted[start :: len(source.readers)])
    ]
    counts: dict[str, TableCount] = {}
    in_parallel(
        source.readers, shares, postgres.count_tables, on_done=counts.update, stop=postgres.cancel_query
    )
    return counts


def _stage_tables(
    run: Run, state: LedgerState, source: _OpenSource, batch: Batch, tasks: Sequence[TableTask]
) -> Manifest:
    """Extract all tables in parallel, then write the manifest."""
    folder = staged_files.create_folder(run.settings, batch.batch_id)
    done: list[StagedTable] = []

    def extract(reader: Connection, task: TableTask) -> StagedTable:
        strict = task.window.mode == "incremental" and not run.compare_keys
        return extract_table(
            reader,
            task,
            folder,
            lambda table, previous: key_cache.previous_keys(
                run.client, run.settings, table, previous, strict=strict, fresh=run.compare_keys
            ),
        )

    def extracted(table: StagedTable) -> None:
        done.append(table)
        run.on_progress(
            Progress(stage="extracted", table=table.table, rows=table.rows, done=len(done), total=len(tasks))
        )

    tables = in_parallel(source.readers, tasks, extract, on_done=extracted, stop=postgres.cancel_query)
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
        daily=staged_files.describe_file(daily_totals.join(folder, days)),
        rejected=staged_files.describe_file(rejected_values.join(folder, values)),
    )
    staged_files.write_manifest(folder, manifest)
    return manifest


def _lost_rows(task: TableTask) -> int:
    """Return the decrease in rows since the previous batch. New rows can hide deletes here."""
    return task.previous.rows - task.count.rows if task.previous else 0
