"""Load jobs: one Parquet file, appended to one table, atomically, under an id that is never used twice."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from google.api_core import exceptions as google_errors
from google.cloud import bigquery

from config.settings import Settings
from warehouse.errors import brief, translated
from warehouse.labels import allowed, labels_of
from warehouse.parquet import column_names, in_column_order
from warehouse.queries import NO_RETRY, READ_RETRY


@dataclass(frozen=True)
class LoadRequest:
    """One Parquet file to append to `project.dataset.table`, under a job id made from its batch."""

    path: Path
    table_id: str
    job_id: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class LoadJob:
    """What became of a load job: "absent", "done" or "failed" (then with its error).

    `rows` and `bytes` are what it wrote, `slot_ms` the time of BigQuery's workers that it took, in
    milliseconds; None where the engine does not tell.
    """

    job_id: str
    state: str
    error: str | None = None
    rows: int | None = None
    bytes: int | None = None
    slot_ms: int | None = None


def load_parquet(client: bigquery.Client, settings: Settings, request: LoadRequest) -> LoadJob:
    """Append the file to its table as one atomic load job, columns by name, and wait for its end.

    Raises PermanentError when BigQuery refuses the file, TransientError when no answer came: ask
    `find_load_job` before the job is sent again.
    """
    config = bigquery.LoadJobConfig(
        source_format=bigquery.SourceFormat.PARQUET,
        write_disposition=bigquery.WriteDisposition.WRITE_APPEND,
        create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
        labels=labels_of(client) | allowed(request.labels),
        job_timeout_ms=settings.load_timeout_s * 1000,
    )
    with translated(f"load of {request.path.name} into {request.table_id}"):
        if settings.target == "local":  # engine: upload
            job = _submit_to_emulator(client, settings, request, config)
        else:
            table = client.get_table(request.table_id, timeout=30, retry=READ_RETRY)
            config.schema = told_types(table.schema, column_names(request.path))
            job = _upload(client, settings, request, config)
        job.result(timeout=settings.load_timeout_s, retry=READ_RETRY)
    return _done(request.job_id, job)


def find_load_job(client: bigquery.Client, settings: Settings, job_id: str) -> LoadJob:
    """Tell what became of a load job, waiting for one that is still running."""
    with translated(f"load job {job_id}"):
        try:
            job = client.get_job(job_id, timeout=30, retry=READ_RETRY)
        except google_errors.NotFound:
            return LoadJob(job_id, "absent")
        try:
            job.result(timeout=settings.load_timeout_s, retry=READ_RETRY)
        except google_errors.GoogleAPICallError as error:
            if not job.error_result:
                raise  # it is the question that failed, not the job
            return LoadJob(job_id, "failed", brief(error))
    return _done(job_id, job)


def _done(job_id: str, job: Any) -> LoadJob:
    slot_ms = job.to_api_repr().get("statistics", {}).get("totalSlotMs")
    return LoadJob(
        job_id,
        "done",
        rows=job.output_rows,
        bytes=job.output_bytes,
        slot_ms=int(slot_ms) if slot_ms is not None else None,
    )


def told_types(fields: Sequence[bigquery.SchemaField], names: Collection[str]) -> list[bigquery.SchemaField]:
    """Return the fields of a table that a file has, with what makes their types and nothing else.

    BigQuery would guess the types from the file, and takes a timestamp without a zone for a TIMESTAMP where
    the table says DATETIME, unless the job tells it.
    """
    return [
        bigquery.SchemaField(
            field.name, field.field_type, field.mode, precision=field.precision, scale=field.scale
        )
        for field in fields
        if field.name in names
    ]


def _upload(
    client: bigquery.Client, settings: Settings, request: LoadRequest, config: bigquery.LoadJobConfig
) -> bigquery.LoadJob:
    with request.path.open("rb") as file:
        return client.load_table_from_file(
            file,
            request.table_id,
            job_id=request.job_id,
            job_config=config,
            num_retries=0,
            timeout=settings.load_timeout_s,
        )


def _submit_to_emulator(
    client: bigquery.Client, settings: Settings, request: LoadRequest, config: bigquery.LoadJobConfig
) -> bigquery.LoadJob:
    """Hand the file to the emulator, which is not BigQuery in three ways.

    It fills columns by position, it forgets the job id of an upload, and where it shares our disk it takes
    the path of the file instead.
    """
    table = client.get_table(request.table_id, timeout=30, retry=READ_RETRY)
    # engine: column-order
    path = in_column_order(request.path, [field.name for field in table.schema])
    if settings.warehouse_url is not None:  # engine: upload
        return _upload(client, settings, replace(request, path=path), config)
    return client.load_table_from_uri(
        f"file://{path}",  # engine: upload - it does not decode the percent signs of a proper URI
        request.table_id,
        job_id=request.job_id,
        job_config=config,
        timeout=settings.load_timeout_s,
        retry=NO_RETRY,
    )
