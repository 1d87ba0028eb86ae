"""Load jobs: each appends one Parquet file to one table atomically, with a job id that is used only once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from google.api_core import exceptions as google_errors
from google.cloud import bigquery

from config.settings import Settings
from warehouse.errors import brief, translated
from warehouse.labels import labels_of, valid_labels
from warehouse.parquet import column_names, in_column_order
from warehouse.queries import NO_RETRY, READ_RETRY


@dataclass(frozen=True)
class LoadRequest:
    """One Parquet file to append to `project.dataset.table`. The job id contains the batch."""

    path: Path
    table_id: str
    job_id: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class LoadJob:
    """The state of a load job: "absent", "done" or "failed" (with its error).

    `rows` and `bytes` were written; `slot_ms` is the slot time in milliseconds. None: not reported.
    """

    job_id: str
    state: str
    error: str | None = None
    rows: int | None = None
    bytes: int | None = None
    slot_ms: int | None = None


def load_parquet(client: bigquery.Client, settings: Settings, request: LoadRequest) -> LoadJob:
    """Append the file to its table as one atomic load job, columns by name, and wait for it.

    Raises PermanentError when BigQuery rejects the file, TransientError when there was no answer: call
    `find_load_job` before sending the job again.
    """
    config = bigquery.LoadJobConfig(
        source_format=bigquery.SourceFormat.PARQUET,
        write_disposition=bigquery.WriteDisposition.WRITE_APPEND,
        create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
        labels=labels_of(client) | valid_labels(request.labels),
        job_timeout_ms=settings.load_timeout_s * 1000,
    )
    with translated(f"load of {request.path.name} into {request.table_id}"):
        if settings.target == "local":  # engine: upload
            job = _submit_to_emulator(client, settings, request, config)
        else:
            table = client.get_table(request.table_id, timeout=30, retry=READ_RETRY)
            config.schema = explicit_schema(table.schema, column_names(request.path))
            job = _upload(client, settings, request, config)
        job.result(timeout=settings.load_timeout_s, retry=READ_RETRY)
    return _finished_job(request.job_id, job)


def find_load_job(client: bigquery.Client, settings: Settings, job_id: str) -> LoadJob:
    """Return the state of a load job; wait for one that is still running."""
    with translated(f"load job {job_id}"):
        try:
            job = client.get_job(job_id, timeout=30, retry=READ_RETRY)
        except google_errors.NotFound:
            return LoadJob(job_id, "absent")
        try:
            job.result(timeout=settings.load_timeout_s, retry=READ_RETRY)
        except google_errors.GoogleAPICallError as error:
            if not job.error_result:
                raise  # the request failed, not the job
            return LoadJob(job_id, "failed", brief(error))
    return _finished_job(job_id, job)


def _finished_job(job_id: str, job: Any) -> LoadJob:
    slot_ms = job.to_api_repr().get("statistics", {}).get("totalSlotMs")
    return LoadJob(
        job_id,
        "done",
        rows=job.output_rows,
        bytes=job.output_bytes,
        slot_ms=int(slot_ms) if slot_ms is not None else None,
    )


def explicit_schema(
    fields: Sequence[bigquery.SchemaField], names: Collection[str]
) -> list[bigquery.SchemaField]:
    """Return the fields of a table that a file has, with their types only.

    Without a schema BigQuery infers the types from the file and reads a timestamp without a zone as
    TIMESTAMP although the column is DATETIME.
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
    """Load the file into the emulator, which differs from BigQuery.

    It fills columns by position and loses the job id of an upload. If it runs on this machine, it takes the
    path of the file instead of an upload.
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
