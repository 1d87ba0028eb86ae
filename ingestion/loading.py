"""Takes a whole spool into raw and completes its batch; safe to repeat for a run that was cut off."""

from collections.abc import Callable
from datetime import UTC, datetime

from google.cloud.bigquery import Client

from ingestion import bigquery, key_cache, ledger, spool
from ingestion.bigquery import LoadRequest
from ingestion.errors import MissingInWarehouseError, PermanentError
from ingestion.parallel import in_parallel
from ingestion.raw_layout import raw_table_id
from ingestion.report import Progress
from ingestion.run import Run
from ingestion.settings import Settings
from ingestion.spool import Manifest, TableSpool

LOADERS = 4
ATTEMPTS = 5

Loaded = tuple[TableSpool, str]


def finish(run: Run, manifest: Manifest, *, resuming: bool) -> None:
    """Load every file of the spool, complete the batch, keep its keys and drop the spool.

    `resuming`: some of it may have been done already. Raises PermanentError when the warehouse refuses a
    file, TransientError when it cannot be reached or the lease is lost; the batch then stays 'loading' for
    the next run.
    """
    client, settings = run.client, run.settings
    filled = [table for table in manifest.tables if table.file]
    if filled and not resuming:
        ledger.set_status(client, settings, manifest.batch_id, ledger.LOADING)
    run.tell(Progress(stage="loading", total=len(filled)))
    job_ids: dict[str, str] = {}

    def done(loaded: Loaded) -> None:
        table, job_id = loaded
        job_ids[table.table] = job_id
        run.tell(
            Progress(stage="loaded", table=table.table, rows=table.rows, done=len(job_ids), total=len(filled))
        )

    in_parallel(
        [client] * min(LOADERS, max(len(filled), 1)),
        filled,
        _loader(run, manifest, resuming=resuming),
        on_done=done,
        stop=lambda _: None,  # a load job cannot be half done: it is left to end
    )
    run.confirm()
    ledger.complete(client, settings, manifest, job_ids, datetime.now(UTC))
    key_cache.adopt(settings, manifest)
    spool.discard(settings)


def _loader(run: Run, manifest: Manifest, *, resuming: bool) -> Callable[[Client, TableSpool], Loaded]:
    """Return the function that loads one table, and returns it with the id of the job that did it."""
    settings, catalog = run.settings, run.catalog
    folder = spool.batch_folder(settings, manifest.batch_id)

    def load(client: Client, table: TableSpool) -> Loaded:
        assert table.file is not None and table.sha256 is not None  # noqa: PT018
        raw_name = catalog.table(table.table).raw_name
        # A project knows an id for ever. The checksum keeps it apart from that of another batch 1, in a
        # warehouse that was made anew: the file holds the load time, which no two batches share.
        request = LoadRequest(
            path=folder / table.file,
            table_id=raw_table_id(settings, catalog.table(table.table)),
            job_id=f"wwi_{settings.dataset_prefix}_{manifest.batch_id}_{raw_name}_{table.sha256[:12]}",
            labels={"batch": str(manifest.batch_id), "table": raw_name},
        )
        try:
            if resuming:
                request = _resume(client, settings, request, manifest, table)
            else:
                bigquery.load_parquet(client, settings, request)
        except MissingInWarehouseError as error:
            raise PermanentError(
                f"{table.table}: its raw table is gone ({error}), and the history with it. "
                "`wwi ingest --full` makes it anew and loads what the source holds now."
            ) from error
        return table, request.job_id

    return load


def _resume(
    client: Client, settings: Settings, request: LoadRequest, manifest: Manifest, table: TableSpool
) -> LoadRequest:
    """Load a table of which it is not known whether it is loaded. Returns the request that did it.

    The job is asked first. When the warehouse knows no such job, its rows are counted: the emulator can have
    loaded them without remembering the job. A failed job's id cannot be used again, so the next is numbered.
    """
    # engine: upload
    for attempt in range(ATTEMPTS):
        numbered = _numbered(request, attempt)
        state = bigquery.find_load_job(client, settings, numbered.job_id).state
        if state == "done":
            return numbered
        if state == "absent":
            loaded = _count_loaded(client, settings, request.table_id, manifest)
            if loaded == 0:
                bigquery.load_parquet(client, settings, numbered)
            elif loaded != table.rows:
                raise PermanentError(
                    f"{table.table}: raw holds {loaded} rows of batch {manifest.batch_id} instead of "
                    f"{table.rows}. The batch is given up; run again for a new one."
                )
            return numbered
    raise PermanentError(f"{table.table}: {ATTEMPTS} load jobs of batch {manifest.batch_id} failed.")


def _numbered(request: LoadRequest, attempt: int) -> LoadRequest:
    suffix = f"_{attempt}" if attempt else ""
    return LoadRequest(request.path, request.table_id, f"{request.job_id}{suffix}", request.labels)


def _count_loaded(client: Client, settings: Settings, table_id: str, manifest: Manifest) -> int:
    # load_dts picks the partition, and the one batch even if batch ids began anew
    rows = bigquery.query(
        client,
        f"select count(*) as loaded from `{table_id}` where load_dts = @load_dts and batch_id = @batch_id",
        {"load_dts": manifest.load_dts, "batch_id": manifest.batch_id},
        settings.query_timeout_s,
    )
    return int(rows[0]["loaded"])
