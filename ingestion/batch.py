"""One batch: everything that changed in Postgres since the last one, in raw, all of it or nothing.

    look        drift, counts, shrunken tables: whatever is wrong stops here, before anything is written
    extract     the ledger says 'extracting'; every table goes to the spool, from one snapshot
    load        the spool is whole and the ledger says 'loading'; one load job per table that changed
    complete    one transaction makes the batch visible

A run that ends before the ledger says 'loading' leaves a batch that the next run gives up; one that ends
later leaves a batch that the next run finishes.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from config.errors import MissingInWarehouseError, PermanentError
from config.home_lock import run_lock
from config.settings import Settings
from ingestion.batch_ledger import LedgerState, give_up, read_state, record_schema_changes
from ingestion.extract.batch_reader import Found, read_batch
from ingestion.load.create_tables import ensure_layout
from ingestion.load.raw_loader import finish
from ingestion.read_window import Days
from ingestion.recovery import Recovered, recover
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
    """Load one batch and return its report; a batch that an earlier run left half loaded is finished first.

    `tables`: qualified names, default all. `full` reads every row again, also those that did not change.
    `compare_keys` reads all keys and compares them with raw, also where the numbers say that none is gone; a
    table of which raw lacks rows is read whole. `days`: business days, the first and the last, of which every
    row is read, besides those that changed. `allow_shrink` loads the deletes of a table that lost all or more
    than 30 % of its rows. `on_progress` is called in this thread; when it raises, the run ends there as by
    Ctrl-C.

    Raises PermanentError (a person must look) or TransientError (the same call may work later); an error's
    text says what to do. Either way the warehouse shows whole batches only. While it runs, no other run or
    build may write to the warehouse (warehouse/lease.py).
    """
    began = time.monotonic()
    chosen = choose_tables(catalog, tables)
    with ExitStack() as stack:
        stack.enter_context(_home_told(settings))
        stack.enter_context(run_lock(settings.home))
        client = connect(settings, "ingest")
        lease = stack.enter_context(hold(client, settings, "ingest"))
        tell = _guarded(on_progress or log_progress, lease)
        run = Run(
            client, settings, catalog, chosen, full, allow_shrink, tell, lease.confirm, compare_keys, days
        )
        ensure_layout(client, settings, catalog, force=full)
        state = _read_state(run)
        recovered = recover(run, state)
        if recovered.resumed:
            state = read_state(client, settings)
        label_jobs(client, batch=str(state.last_batch_id + 1))
        found = read_batch(run, state)
        manifest = _load(run, found.manifest)
        if found.changes:
            record_schema_changes(client, settings, manifest.batch_id, found.changes)
    run.tell(Progress(stage="completed", done=len(manifest.tables), total=len(manifest.tables)))
    return _report(replace(found, manifest=manifest), recovered, time.monotonic() - began)


@contextmanager
def _home_told(settings: Settings) -> Iterator[None]:
    """Say of an error of the disk which folder it is about and what to do."""
    try:
        yield
    except OSError as error:
        raise PermanentError(
            f"{settings.home} cannot be read or written: {error}. Make room there, or name another folder by "
            "WWI_HOME; what was not loaded comes with the next run."
        ) from error


def _guarded(tell: OnProgress, lease: Lease) -> OnProgress:
    """Report progress as `tell` does, and end the run there once its lease is lost."""

    def checked(progress: Progress) -> None:
        lease.check()
        tell(progress)

    return checked


def _read_state(run: Run) -> LedgerState:
    try:
        return read_state(run.client, run.settings)
    except MissingInWarehouseError:
        # somebody dropped a table of the ledger: the label of the dataset promised too much
        ensure_layout(run.client, run.settings, run.catalog, force=True)
        return read_state(run.client, run.settings)


def _load(run: Run, manifest: Manifest) -> Manifest:
    try:
        return finish(run, manifest, resuming=False)
    except PermanentError as error:
        # loading the same file again would be refused again; the next batch reads the same window anew
        give_up(run.client, run.settings, manifest.batch_id, str(error))
        raise


def _report(found: Found, recovered: Recovered, seconds: float) -> BatchReport:
    manifest = found.manifest
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
        absent=found.absent,
        schema_changes=tuple(map(str, found.changes)),
        resumed=recovered.resumed,
        voided=recovered.voided,
        seconds=seconds,
    )
