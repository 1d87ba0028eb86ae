"""Takes a whole spool into raw and completes its batch; safe to repeat for a run that was cut off."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from google.cloud.bigquery import Client

from config.errors import MissingInWarehouseError, PermanentError
from config.parallel import in_parallel
from config.settings import Settings
from ingestion import staged_files
from ingestion.batch_ledger import complete, set_status
from ingestion.changes import key_cache
from ingestion.changes.changed_rows import with_changed_rows
from ingestion.extract import rejected_values
from ingestion.report import Progress
from ingestion.run import Run
from ingestion.staged_files import Manifest
from warehouse.ledger import batch_contents, hash_chain
from warehouse.ledger.tables import LOADING, layout
from warehouse.load_jobs import LoadJob, LoadRequest, find_load_job, load_parquet
from warehouse.queries import query
from warehouse.raw_tables import raw_table_id

LOADERS = 4
ATTEMPTS = 5
DAILY = "daily_totals"


@dataclass(frozen=True)
class _Piece:
    """One file to load: what it is called, where it goes, and how many rows it has."""

    name: str
    path: Path
    table_id: str
    rows: int
    sha256: str
    is_raw: bool = True


Loaded = tuple[_Piece, LoadJob]


def finish(run: Run, manifest: Manifest, *, resuming: bool) -> Manifest:
    """Load every file of the spool, complete the batch, keep its keys, drop the spool; return the manifest.

    `resuming`: some of it may have been done already. Raises PermanentError when the warehouse refuses a
    file, TransientError when it cannot be reached or the lease is lost; the batch then stays 'loading' for
    the next run.
    """
    client, settings = run.client, run.settings
    pieces = _pieces(run, manifest)
    total = sum(piece.is_raw for piece in pieces)
    if pieces and not resuming:
        set_status(client, settings, manifest.batch_id, LOADING)
    run.tell(Progress(stage="loading", total=total))
    jobs: dict[str, LoadJob] = {}

    def done(loaded: Loaded) -> None:
        piece, job = loaded
        if piece.is_raw:
            jobs[piece.name] = job
            run.tell(Progress(stage="loaded", table=piece.name, rows=piece.rows, done=len(jobs), total=total))

    in_parallel(
        [client] * min(LOADERS, max(len(pieces), 1)),
        pieces,
        _loader(run, manifest, resuming=resuming),
        on_done=done,
        stop=lambda _: None,  # a load job cannot be half done: it is left to end
    )
    run.confirm()
    contents = _contents(client, settings, manifest)
    manifest = with_changed_rows(client, settings, run.catalog, manifest)
    complete(client, settings, manifest, jobs, contents, datetime.now(UTC))
    key_cache.adopt(settings, manifest)
    staged_files.discard(settings)
    return manifest


def _contents(client: Client, settings: Settings, manifest: Manifest) -> dict[str, str]:
    """The content of what this batch brought, by table: asked of its own partition in raw and ledger."""
    batch = (manifest.batch_id,)
    loaded = [
        hash_chain.Delivery(table.table, tuple(table.columns), batch, manifest.load_dts)
        for table in manifest.tables
        if table.file
    ]
    loaded += batch_contents.loaded(settings, batch, manifest.load_dts)
    return {table: content for (table, _), content in hash_chain.contents(client, settings, loaded).items()}


def _pieces(run: Run, manifest: Manifest) -> list[_Piece]:
    """The files of the spool: one per table that has something to load, and those for the ledger."""
    folder = staged_files.batch_folder(run.settings, manifest.batch_id)
    pieces = [
        _Piece(
            table.table,
            folder / table.file,
            raw_table_id(run.settings, run.catalog.table(table.table)),
            table.rows,
            table.sha256,
        )
        for table in manifest.tables
        if table.file and table.sha256
    ]
    for name, file in ((DAILY, manifest.daily), (rejected_values.TABLE, manifest.rejected)):
        if file:
            table_id = layout(run.settings, name).table_id
            pieces.append(_Piece(name, folder / file.file, table_id, file.rows, file.sha256, is_raw=False))
    return pieces


def _loader(run: Run, manifest: Manifest, *, resuming: bool) -> Callable[[Client, _Piece], Loaded]:
    """Return the function that loads one file, and returns it with the job that did it."""
    settings = run.settings

    def load(client: Client, piece: _Piece) -> Loaded:
        label = piece.name.replace(".", "__")
        # A project knows an id for ever. The checksum keeps it apart from that of another batch 1, in a
        # warehouse that was made anew: the file holds the load time, which no two batches share.
        request = LoadRequest(
            path=piece.path,
            table_id=piece.table_id,
            job_id=f"wwi_{settings.dataset_prefix}_{manifest.batch_id}_{label}_{piece.sha256[:12]}",
            labels={"batch": str(manifest.batch_id), "table": label},
        )
        try:
            if resuming:
                job = _resume(client, settings, request, manifest, piece)
            else:
                job = load_parquet(client, settings, request)
        except MissingInWarehouseError as error:
            raise PermanentError(
                f"{piece.name}: its table is gone ({error}), and the history with it. "
                "`wwi ingest --full` makes it anew and loads what the source holds now."
            ) from error
        if job.rows not in {None, piece.rows}:
            raise PermanentError(
                f"{piece.name}: the warehouse says that it loaded {job.rows} rows instead of {piece.rows}. "
                "The batch is given up; run again for a new one."
            )
        return piece, job

    return load


def _resume(
    client: Client, settings: Settings, request: LoadRequest, manifest: Manifest, piece: _Piece
) -> LoadJob:
    """Load a file of which it is not known whether it is loaded. Returns the job that did it.

    The job is asked first. When the warehouse knows no such job, its rows are counted: the emulator can have
    loaded them without remembering the job. A failed job's id cannot be used again, so the next is numbered.
    """
    # engine: upload
    for attempt in range(ATTEMPTS):
        numbered = _numbered(request, attempt)
        job = find_load_job(client, settings, numbered.job_id)
        if job.state == "done":
            return job
        if job.state == "absent":
            loaded = _count_loaded(client, settings, request.table_id, manifest)
            if loaded == 0:
                return load_parquet(client, settings, numbered)
            return LoadJob(numbered.job_id, "done", rows=loaded)
    raise PermanentError(f"{piece.name}: {ATTEMPTS} load jobs of batch {manifest.batch_id} failed.")


def _numbered(request: LoadRequest, attempt: int) -> LoadRequest:
    suffix = f"_{attempt}" if attempt else ""
    return LoadRequest(request.path, request.table_id, f"{request.job_id}{suffix}", request.labels)


def _count_loaded(client: Client, settings: Settings, table_id: str, manifest: Manifest) -> int:
    # load_dts picks the partition, and the one batch even if batch ids began anew
    rows = query(
        client,
        f"select count(*) as loaded from `{table_id}` where load_dts = @load_dts and batch_id = @batch_id",
        {"load_dts": manifest.load_dts, "batch_id": manifest.batch_id},
        settings.query_timeout_s,
    )
    return int(rows[0]["loaded"])
