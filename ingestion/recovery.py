"""Deals with what an earlier run left behind: a batch is finished when its spool is whole, else given up."""

import logging
from dataclasses import dataclass

from config.errors import PermanentError
from config.settings import Settings
from ingestion import staged_files
from ingestion.batch_ledger import LedgerState, Unfinished, set_status
from ingestion.changes import key_cache
from ingestion.load.raw_loader import finish
from ingestion.report import Progress
from ingestion.run import Run
from warehouse.ledger.tables import LOADING, VOID

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recovered:
    """The batches that were finished, and those that were given up: their rows in raw stay invisible."""

    resumed: tuple[int, ...] = ()
    voided: tuple[int, ...] = ()


def recover(run: Run, state: LedgerState) -> Recovered:
    """Finish or give up every batch that no run has ended, then drop the spools.

    Raises TransientError when the warehouse is lost meanwhile; the batch can then still be finished.
    """
    resumed, voided = [], []
    for batch in state.unfinished:
        reason = _resume(run, batch)
        if reason is None:
            resumed.append(batch.batch_id)
        else:
            logger.warning("batch %s is given up: %s", batch.batch_id, reason)
            set_status(run.client, run.settings, batch.batch_id, VOID, reason)
            voided.append(batch.batch_id)
    if not state.unfinished:
        _keep_keys(run.settings, state)
    staged_files.discard(run.settings)
    return Recovered(tuple(resumed), tuple(voided))


def _resume(run: Run, batch: Unfinished) -> str | None:
    """Finish the batch from its spool. Returns None, or the reason why that cannot be."""
    end = f"the run (process {batch.pid} on {batch.host})"
    if batch.status != LOADING:
        return f"{end} ended while it read the source"
    manifest = staged_files.read_manifest(staged_files.batch_folder(run.settings, batch.batch_id))
    if manifest is None or manifest.load_dts != batch.load_dts:
        return f"{end} ended while it loaded, and its spool is not here"
    if not {table.table for table in manifest.tables} <= {table.qualified for table in run.catalog.tables}:
        return f"{end} ended while it loaded, and the metadata have lost some of its tables since"
    run.tell(Progress(stage="resuming", total=len(manifest.tables)))
    try:
        finish(run, manifest, resuming=True)
    except PermanentError as error:
        return f"{end} ended while it loaded, and it cannot be finished: {error}"
    return None


def _keep_keys(settings: Settings, state: LedgerState) -> None:
    """Keep the keys of a batch that was completed just before its run ended; rebuilding them is slow."""
    manifest = staged_files.read_manifest(staged_files.batch_folder(settings, state.last_batch_id))
    if manifest and manifest.load_dts in {previous.load_dts for previous in state.previous.values()}:
        key_cache.adopt(settings, manifest)
