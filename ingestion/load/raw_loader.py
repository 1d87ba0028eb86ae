"""Load the staged files into raw and complete the batch. Safe to repeat after an interrupted run."""

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
class _StagedFile:
    """One file to load: its name, its target table, and its number of rows."""

    name: str
    path: Path
    table_id: str
    rows: int
    sha256: str
    is_raw: bool = True


Loaded = tuple[_StagedFile, LoadJob]


def finish_batch(run: Run, manifest: Manifest, *, resuming: bool) -> Manifest:
    """Load all staged files, complete the batch, store its keys, delete the files; return the manifest.

    `resuming`: an earlier run may have done some of the steps. Raises PermanentError if the warehouse refuses
    a file, TransientError if it cannot be reached or the lease is lost; the batch then stays 'loading' for
    the next run.
    """
    client, settings = run.client, run.settings
    files = _staged_files(run, manifest)
    total = sum(file.is_raw for file in files)
    if files and not resuming:
        set_status(client, settings, manifest.batch_id, LOADING)
    run.on_progress(Progress(stage="loading", total=total))
    jobs: dict[str, LoadJob] = {}

    def done(loaded: Loaded) -> None:
        file, job = loaded
        if file.is_raw:
            jobs[file.name] = job
            run.on_progress(
                Progress(stage="loaded", table=file.name, rows=file.rows, done=len(jobs), total=total)
            )

    in_parallel(
        [client] * min(LOADERS, max(len(files), 1)),
        files,
        _loader(run, manifest, resuming=resuming),
        on_done=done,
        stop=lambda _: None,  # load jobs are atomic: a running one may finish
    )
    run.confirm_lease()
    contents = _content_checksums(client, settings, manifest)
    manifest = with_changed_rows(client, settings, run.catalog, manifest)
    complete(client, settings, manifest, jobs, contents, datetime.now(UTC))
    key_cache.store_keys(settings, manifest)
    staged_files.delete_all(settings)
    return manifest


def _content_checksums(client: Client, settings: Settings, manifest: Manifest) -> dict[str, str]:
    """Compute the checksum of the rows of this batch, by table, from its partitions in raw and the ledger."""
    batch = (manifest.batch_id,)
    loaded = [
        hash_chain.BatchRows(table.table, tuple(table.columns), batch, manifest.load_dts)
        for table in manifest.tables
        if table.file
    ]
    loaded += batch_contents.ledger_batch_rows(settings, batch, manifest.load_dts)
    return {
        table: content
        for (table, _), content in hash_chain.content_checksums(client, settings, loaded).items()
    }


def _staged_files(run: Run, manifest: Manifest) -> list[_StagedFile]:
    """List the staged files: one per table that has rows to load, and those for the ledger."""
    folder = staged_files.batch_folder(run.settings, manifest.batch_id)
    files = [
        _StagedFile(
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
            files.append(
                _StagedFile(name, folder / file.file, table_id, file.rows, file.sha256, is_raw=False)
            )
    return files


def _loader(run: Run, manifest: Manifest, *, resuming: bool) -> Callable[[Client, _StagedFile], Loaded]:
    """Return a function that loads one file and returns it with its load job."""
    settings = run.settings

    def load(client: Client, file: _StagedFile) -> Loaded:
        label = file.name.replace(".", "__")
        # A project never forgets a job id. In a recreated warehouse batch ids start again at 1; the checksum
        # makes the id unique, because the file contains the load time.
        request = LoadRequest(
            path=file.path,
            table_id=file.table_id,
            job_id=f"wwi_{settings.dataset_prefix}_{manifest.batch_id}_{label}_{file.sha256[:12]}",
            labels={"batch": str(manifest.batch_id), "table": label},
        )
        try:
            if resuming:
                job = _resume(client, settings, request, manifest, file)
            else:
                job = load_parquet(client, settings, request)
        except MissingInWarehouseError as error:
            raise PermanentError(
                f"{file.name}: its table was deleted ({error}), and its history is lost. "
                "Run `wwi ingest --full` to create it again and load the current rows of the source."
            ) from error
        if job.rows not in {None, file.rows}:
            raise PermanentError(
                f"{file.name}: the warehouse says that it loaded {job.rows} rows instead of {file.rows}. "
                "The batch was voided. Run again to load a new one."
            )
        return file, job

    return load


def _resume(
    client: Client, settings: Settings, request: LoadRequest, manifest: Manifest, file: _StagedFile
) -> LoadJob:
    """Load a file unless an earlier run did; return the load job.

    Look up the job first. If the warehouse does not know it, count its rows: the emulator can load rows and
    lose the job. The id of a failed job cannot be used again, so the next one gets a number.
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
    raise PermanentError(f"{file.name}: {ATTEMPTS} load jobs of batch {manifest.batch_id} failed.")


def _numbered(request: LoadRequest, attempt: int) -> LoadRequest:
    suffix = f"_{attempt}" if attempt else ""
    return LoadRequest(request.path, request.table_id, f"{request.job_id}{suffix}", request.labels)


def _count_loaded(client: Client, settings: Settings, table_id: str, manifest: Manifest) -> int:
    # load_dts selects the partition, and one batch even if batch ids started again at 1
    rows = query(
        client,
        f"select count(*) as loaded from `{table_id}` where load_dts = @load_dts and batch_id = @batch_id",
        {"load_dts": manifest.load_dts, "batch_id": manifest.batch_id},
        settings.query_timeout_s,
    )
    return int(rows[0]["loaded"])
