"""Run one batch: load everything that changed in Postgres since the last one into raw, all or nothing.

    check       drift, row counts, shrunken tables: the run fails here, before anything is written
    extract     status 'extracting': every table is written to staged files, from one source snapshot
    load        status 'loading': all files are staged; one load job per changed table
    complete    one transaction makes the batch visible

If a run ends while its batch is 'extracting', the next run voids the batch. If it ends while the batch is
'loading', the next run finishes it.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from config.errors import MissingInWarehouseError, PermanentError
from config.home_lock import run_lock
from config.settings import Settings
from ingestion.batch_ledger import LedgerState, read_state, record_schema_changes, void_batch
from ingestion.extract.batch_reader import StagedBatch, read_batch
from ingestion.load.create_tables import ensure_layout
from ingestion.load.raw_loader import finish_batch
from ingestion.read_window import Days
from ingestion.recovery import RecoveredBatches, recover
from ingestion.report import BatchReport, OnProgress, Progress, TableReport
from ingestion.run import Run, choose_tables, log_progress
from ingestion.staged_files import Manifest
from metadata.spec import Catalog
from warehouse.client import connect
from warehouse.labels import label_jobs
from warehouse.lease import Lease, hold


def run_batch(  # noqa: PLR0913 - the options of `wwi ingest`
    settings: Settings,
    catalog: Catalog,
    *,
    tables: Sequence[str] | None = None,
    full: bool = False,
    allow_shrink: bool = False,
    compare_keys: bool = False,
    days: Days | None = None,
    on_progress: OnProgress | None = None,
) -> BatchReport:
    """Load one batch and return its report. Finish an unfinished batch of an earlier run first.

    `tables`: qualified names, default all. `full`: read every row, not only changed ones. `compare_keys`:
    read all keys and compare them with raw, even if the row counts are equal; a table that is not complete in
    raw is read in full. `days`: first and last business day; all rows of these days are read, too.
    `allow_shrink`: load the deletes of a table that lost all or more than 30 % of its rows. `on_progress` is
    called in this thread; if it raises, the run stops as after Ctrl-C.

    Raises PermanentError (a person must act) or TransientError (the same call may work later). The warehouse
    shows complete batches only. During the run, no other run or build can write to the warehouse
    (warehouse/lease.py).
    """
    began = time.monotonic()
    chosen = choose_tables(catalog, tables)
    with ExitStack() as stack:
        stack.enter_context(_explain_disk_errors(settings))
        stack.enter_context(run_lock(settings.home))
        client = connect(settings, "ingest")
        lease = stack.enter_context(hold(client, settings, "ingest"))
        report_progress = _with_lease_check(on_progress or log_progress, lease)
        run = Run(
            client,
            settings,
            catalog,
            chosen,
            full,
            allow_shrink,
            report_progress,
            lease.confirm,
            compare_keys,
            days,
        )
        ensure_layout(client, settings, catalog, force=full)
        state = _read_state(run)
        recovered = recover(run, state)
        if recovered.resumed:
            state = read_state(client, settings)
        label_jobs(client, batch=str(state.last_batch_id + 1))
        staged = read_batch(run, state)
        manifest = _load(run, staged.manifest)
        if staged.changes:
            record_schema_changes(client, settings, manifest.batch_id, staged.changes)
    run.on_progress(Progress(stage="completed", done=len(manifest.tables), total=len(manifest.tables)))
    return _report(replace(staged, manifest=manifest), recovered, time.monotonic() - began)


@contextmanager
def _explain_disk_errors(settings: Settings) -> Iterator[None]:
    """Raise a PermanentError for an error of the disk, with the folder and what to do."""
    try:
        yield
    except OSError as error:
        raise PermanentError(
            f"{settings.home} cannot be read or written: {error}. Free some space there, or set WWI_HOME to "
            "another folder, then run again: the next run loads what is missing."
        ) from error


def _with_lease_check(report_progress: OnProgress, lease: Lease) -> OnProgress:
    """Return `report_progress` with a check that stops the run when its lease is lost."""

    def checked(progress: Progress) -> None:
        lease.check()
        report_progress(progress)

    return checked


def _read_state(run: Run) -> LedgerState:
    try:
        return read_state(run.client, run.settings)
    except MissingInWarehouseError:
        # a ledger table was dropped, although the label says that the layout is complete
        ensure_layout(run.client, run.settings, run.catalog, force=True)
        return read_state(run.client, run.settings)


def _load(run: Run, manifest: Manifest) -> Manifest:
    try:
        return finish_batch(run, manifest, resuming=False)
    except PermanentError as error:
        # the same file would be refused again; the next batch reads the same window
        void_batch(run.client, run.settings, manifest.batch_id, str(error))
        raise


def _report(staged: StagedBatch, recovered: RecoveredBatches, seconds: float) -> BatchReport:
    manifest = staged.manifest
    return BatchReport(
        batch_id=manifest.batch_id,
        load_dts=manifest.load_dts,
        applied_dts=manifest.applied_dts,
        source_system=manifest.source_system,
        tables=tuple(
            TableReport(
                **{name: getattr(table, name) for name in TableReport.model_fields if name != "seconds"},
                seconds=(table.finished_at - table.started_at).total_seconds(),
            )
            for table in manifest.tables
        ),
        absent=staged.absent,
        schema_changes=tuple(map(str, staged.changes)),
        resumed=recovered.resumed,
        voided=recovered.voided,
        seconds=seconds,
    )
