"""Recover batches of earlier runs: finish a batch if its staged files are complete, else void it."""

import logging
from dataclasses import dataclass

from config.errors import PermanentError
from config.settings import Settings
from ingestion import staged_files
from ingestion.batch_ledger import LedgerState, UnfinishedBatch, set_status
from ingestion.changes import key_cache
from ingestion.load.raw_loader import finish_batch
from ingestion.report import Progress
from ingestion.run import Run
from warehouse.ledger.tables import LOADING, VOID

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecoveredBatches:
    """The batches that were finished, and those that were voided: their rows in raw stay invisible."""

    resumed: tuple[int, ...] = ()
    voided: tuple[int, ...] = ()


def recover(run: Run, state: LedgerState) -> RecoveredBatches:
    """Finish or void every unfinished batch, then delete all staged files.

    Raises TransientError if the warehouse is lost meanwhile; the batch can still be finished later.
    """
    resumed, voided = [], []
    for batch in state.unfinished:
        reason = _resume(run, batch)
        if reason is None:
            resumed.append(batch.batch_id)
        else:
            logger.warning("batch %s was voided: %s", batch.batch_id, reason)
            set_status(run.client, run.settings, batch.batch_id, VOID, reason)
            voided.append(batch.batch_id)
    if not state.unfinished:
        _keep_keys(run.settings, state)
    staged_files.delete_all(run.settings)
    return RecoveredBatches(tuple(resumed), tuple(voided))


def _resume(run: Run, batch: UnfinishedBatch) -> str | None:
    """Finish the batch from its staged files. Return None, or the reason why that is impossible."""
    end = f"the run (process {batch.pid} on {batch.host})"
    if batch.status != LOADING:
        return f"{end} ended while it read the source"
    manifest = staged_files.read_manifest(staged_files.batch_folder(run.settings, batch.batch_id))
    if manifest is None or manifest.load_dts != batch.load_dts:
        return f"{end} ended while it loaded, and its staged files are not here or damaged"
    if not {table.table for table in manifest.tables} <= {table.qualified for table in run.catalog.tables}:
        return f"{end} ended while it loaded, and some of its tables were removed from the metadata since"
    run.on_progress(Progress(stage="resuming", total=len(manifest.tables)))
    try:
        finish_batch(run, manifest, resuming=True)
    except PermanentError as error:
        return f"{end} ended while it loaded, and it cannot be finished: {error}"
    return None


def _keep_keys(settings: Settings, state: LedgerState) -> None:
    """Store the keys of a batch that was completed just before its run ended; rebuilding them is slow."""
    manifest = staged_files.read_manifest(staged_files.batch_folder(settings, state.last_batch_id))
    if manifest and manifest.load_dts in {previous.load_dts for previous in state.previous.values()}:
        key_cache.store_keys(settings, manifest)
