"""The edge to the warehouse; with load_jobs.py the one place that knows the emulator from BigQuery.

Every call has a time limit. Only reads are tried again by themselves: the emulator runs a job twice when it
is handed the same job id twice, so a write that got no answer is left to the caller, who can look what became
of it.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import google.auth
import pyarrow as pa
from google.api_core import exceptions as google_errors
from google.api_core.retry import Retry
from google.auth import impersonated_credentials
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery

from ingestion.bigquery_errors import is_busy, translated
from ingestion.errors import PermanentError
from ingestion.labels import label_jobs
from ingestion.loopback import is_loopback
from ingestion.settings import Layer, Settings

logger = logging.getLogger(__name__)

# engine: repeat
# BigQuery counts most of its rates over ten seconds: a pause of thirty in all is longer than any of them
READ_RETRY = Retry(predicate=is_busy, initial=0.2, maximum=10, timeout=30)
NO_RETRY: Any = None  # the client understands it; its type hints do not

CLOUD_SCOPE = "https://www.googleapis.com/auth/cloud-platform"

Parameter = str | int | float | bool | Decimal | date | datetime
Row = dict[str, Any]


def connect(settings: Settings, step: str = "other") -> bigquery.Client:
    """Return a client for the configured warehouse; nothing is sent yet.

    `step` names in the labels of its jobs what the client is for: "ingest", "reconcile". Raises
    PermanentError when no warehouse is configured or no credentials are found.
    """
    client = _client(settings)
    label_jobs(client, step=step)
    return client


def _client(settings: Settings) -> bigquery.Client:
    if settings.target == "local":  # engine: credentials
        url = settings.resolve_warehouse_url()
        client = bigquery.Client(
            project=settings.project,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": url},
        )
        client._http.trust_env = not is_loopback(url)  # else it follows proxy variables and ~/.netrc
        return client
    try:
        return bigquery.Client(
            project=settings.project,
            credentials=_credentials(settings),
            location=settings.bigquery_location,
            default_query_job_config=bigquery.QueryJobConfig(
                maximum_bytes_billed=settings.maximum_bytes_billed
            ),
            client_options={"api_endpoint": settings.bigquery_endpoint or _google_endpoint()},
        )
    except GoogleAuthError as error:
        raise PermanentError(
            f"no credentials for BigQuery project {settings.project}: {error}. Run "
            "`gcloud auth application-default login` or set GOOGLE_APPLICATION_CREDENTIALS."
        ) from error


def _google_endpoint() -> str | None:
    """Google's own address where BIGQUERY_EMULATOR_HOST would send a load to somebody's emulator."""
    return "https://bigquery.googleapis.com" if os.environ.get("BIGQUERY_EMULATOR_HOST") else None


def _credentials(settings: Settings) -> Credentials | None:
    """Those of the account to act as; None: the client finds Application Default Credentials by itself."""
    if settings.impersonate_service_account is None:
        return None
    own, _ = google.auth.default(scopes=[CLOUD_SCOPE])
    return impersonated_credentials.Credentials(  # type: ignore[no-untyped-call]
        own, settings.impersonate_service_account, target_scopes=[CLOUD_SCOPE]
    )


def connection_variables(settings: Settings) -> dict[str, str]:
    """Return what `connect` goes by as the environment variables from which vault/profiles.yml connects dbt.

    Raises PermanentError when no warehouse is configured, or nothing says what guards personal columns.
    """
    variables = {
        "WWI_TARGET": settings.target,
        "WWI_DATASET_PREFIX": settings.dataset_prefix,
        "WWI_BIGQUERY_LOCATION": settings.bigquery_location,
        "WWI_BIGQUERY_PROJECT": settings.project,
        "WWI_BIGQUERY_ENDPOINT": settings.bigquery_endpoint or _google_endpoint() or "",
        "WWI_QUERY_TIMEOUT_S": str(settings.query_timeout_s),
        "WWI_MAXIMUM_BYTES_BILLED": str(settings.maximum_bytes_billed),
        "WWI_IMPERSONATE_SERVICE_ACCOUNT": settings.impersonate_service_account or "",
        "WWI_PERSONAL_POLICY_TAG": _policy_tag(settings),
    }
    if settings.dbt_threads is not None:
        variables["WWI_DBT_THREADS"] = str(settings.dbt_threads)
    if settings.target == "local":  # engine: address
        variables["WWI_WAREHOUSE_URL"] = settings.resolve_warehouse_url()
    return variables


def _policy_tag(settings: Settings) -> str:
    """The tag as dbt takes it. A table made without it is open, so leaving it out must be somebody's will."""
    if settings.target == "bigquery" and settings.personal_policy_tag is None:  # engine: policy-tags
        raise PermanentError(
            "no policy tag for personal columns: WWI_PERSONAL_POLICY_TAG is not set. Run `wwi bigquery "
            "setup` and put the line that it prints into .env, or say `none` to leave them open."
        )
    return settings.policy_tag or ""


def query(
    client: bigquery.Client,
    sql: str,
    params: Mapping[str, Parameter] | None = None,
    timeout_s: float = 120,
) -> list[Row]:
    """Run one statement or script and return its rows as dicts, in at most `timeout_s` seconds.

    `params` are named (`@name`) and typed by their Python type. Raises MissingInWarehouseError for an unknown
    dataset or table, PermanentError for what the engine refuses, TransientError when it cannot be reached.
    """
    _, rows = _run(client, sql, params, timeout_s)
    return [dict(row) for row in rows]


def query_rows(
    client: bigquery.Client, sql: str, timeout_s: float = 120
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Run one SELECT and return the names of its columns and its rows. Errors as `query`."""
    _, rows = _run(client, sql, None, timeout_s)
    with translated("query"):
        return tuple(field.name for field in rows.schema), [row.values() for row in rows]


def query_arrow(client: bigquery.Client, sql: str, timeout_s: float = 120) -> Iterator[pa.Table]:
    """Run one query and yield its rows a page at a time, for large results. Errors as `query`."""
    _, rows = _run(client, sql, None, timeout_s)
    with translated("query"):
        for batch in rows.to_arrow_iterable(bqstorage_client=None):
            yield pa.Table.from_batches([batch])


def execute(
    client: bigquery.Client,
    sql: str,
    params: Mapping[str, Parameter] | None = None,
    timeout_s: float = 120,
) -> int:
    """Run a statement that writes and return how many rows it changed (0 for a script). Errors as `query`."""
    job, _ = _run(client, sql, params, timeout_s)
    return int(job.num_dml_affected_rows or 0)


def ensure_dataset(client: bigquery.Client, settings: Settings, layer: Layer, description: str = "") -> None:
    """Create the dataset of the layer unless it exists.

    It is looked for first: the right to make datasets is one that an account of a set-up project lacks.
    """
    name = settings.dataset(layer)
    dataset = bigquery.Dataset(f"{settings.project}.{name}")
    dataset.location = settings.bigquery_location
    dataset.description = description
    with translated(f"dataset {name}"):
        try:
            client.get_dataset(dataset.reference, timeout=30, retry=READ_RETRY)
        except google_errors.NotFound:
            client.create_dataset(dataset, exists_ok=True, timeout=30, retry=READ_RETRY)


def table_label(client: bigquery.Client, table_id: str, label: str) -> str | None:
    """Return the value of a label of the table; None when it has no such label or does not exist."""
    with translated(f"table {table_id}"):
        try:
            table = client.get_table(table_id, timeout=30, retry=READ_RETRY)
        except google_errors.NotFound:
            return None
    value: str | None = table.labels.get(label)
    return value


def timestamp_literal(moment: datetime) -> str:
    """The time as a literal of GoogleSQL: by a constant BigQuery can leave partitions out."""
    return f"timestamp '{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00:00'"


@dataclass(frozen=True)
class Partitioning:
    """The column that a table is partitioned by; `step`: the numbers in a partition, None for days."""

    column: str
    step: int | None


def partitioning(client: bigquery.Client, table_id: str) -> Partitioning | None:
    """Return how the table is partitioned; None when it is not."""
    with translated(f"table {table_id}"):
        table = client.get_table(table_id, timeout=30, retry=READ_RETRY)
    if table.range_partitioning:
        return Partitioning(table.range_partitioning.field, int(table.range_partitioning.range_.interval))
    field = table.time_partitioning.field if table.time_partitioning else None
    return Partitioning(field, None) if field else None


def label_table(client: bigquery.Client, table_id: str, labels: Mapping[str, str]) -> None:
    """Set these labels of the table and leave its others alone."""
    with translated(f"table {table_id}"):
        table = client.get_table(table_id, timeout=30, retry=READ_RETRY)
        table.labels = {**table.labels, **labels}
        client.update_table(table, ["labels"], timeout=30, retry=NO_RETRY)


@dataclass(frozen=True)
class TableLayout:
    """What a table of ours looks like. `partition_by` names a TIMESTAMP column: one partition a day."""

    table_id: str
    schema: tuple[bigquery.SchemaField, ...]
    description: str = ""
    partition_by: str | None = None
    cluster_by: tuple[str, ...] = ()


def ensure_table(client: bigquery.Client, layout: TableLayout) -> None:
    """Create the table, or add the columns that it lacks (nullable, at the end). Others are never changed."""
    table = bigquery.Table(layout.table_id, schema=list(layout.schema))
    table.description = layout.description
    if layout.partition_by:
        table.time_partitioning = bigquery.TimePartitioning(field=layout.partition_by)
    if layout.cluster_by:
        table.clustering_fields = list(layout.cluster_by[:4])  # BigQuery takes four at most
    with translated(f"table {layout.table_id}"):
        live = client.create_table(table, exists_ok=True, timeout=60, retry=READ_RETRY)
    known = {field.name: field for field in live.schema}
    for field in layout.schema:
        if field.name in known and _kind(field) != _kind(known[field.name]):
            raise PermanentError(
                f"table {layout.table_id}: column {field.name} is {known[field.name].field_type} there and "
                f"{field.field_type} here. A column cannot change its type: give it another name."
            )
    new = [field for field in layout.schema if field.name not in known]
    if new:
        _add_columns(client, layout.table_id, new)


def _kind(field: bigquery.SchemaField) -> object:
    """The type of a column: BigQuery answers with other words (INTEGER) than it was told (INT64)."""
    kind = field.to_standard_sql().type
    return kind.type_kind if kind else field.field_type


def _add_columns(client: bigquery.Client, table_id: str, fields: Sequence[bigquery.SchemaField]) -> None:
    """Add nullable columns at the end.

    BigQuery takes name and type from the statement, description and policy tag from the call. The emulator
    adds the columns by the statement but does not tell of them, and told of them by the call does not add
    them: so it needs both, too.
    """
    # engine: new-columns
    for field in fields:
        column = f"`{field.name}` {_ddl_type(field)}"
        execute(client, f"alter table `{table_id}` add column if not exists {column}")
    with translated(f"table {table_id}"):
        live = client.get_table(table_id, timeout=30, retry=READ_RETRY)
        told = {field.name for field in live.schema}
        added = {field.name: field for field in fields}
        live.schema = [
            *(added.get(field.name, field) for field in live.schema),
            *(field for field in fields if field.name not in told),
        ]
        client.update_table(live, ["schema"], timeout=60, retry=NO_RETRY)


def _ddl_type(field: bigquery.SchemaField) -> str:
    digits = f"({field.precision}, {field.scale})" if field.precision is not None else ""
    return f"{field.field_type}{digits}"


@dataclass(frozen=True)
class DryRun:
    """What BigQuery says of a statement without running it: the bytes it would read, and of which tables."""

    bytes: int
    tables: tuple[str, ...]


def dry_run(client: bigquery.Client, sql: str, timeout_s: float = 120) -> DryRun:
    """Check one statement and tell what it would read; costs nothing. Errors as `query`."""
    config = bigquery.QueryJobConfig(use_legacy_sql=False, use_query_cache=False, dry_run=True)
    with translated("dry run"):
        job = client.query(sql, job_config=config, timeout=timeout_s, retry=READ_RETRY, job_retry=None)
    return DryRun(
        bytes=int(job.total_bytes_processed or 0),
        tables=tuple(f"{table.dataset_id}.{table.table_id}" for table in job.referenced_tables),
    )


def statement_type(client: bigquery.Client, sql: str, timeout_s: float = 120) -> str | None:
    """Return what a statement is, as BigQuery says in a dry run: SELECT, DELETE, SCRIPT.

    Errors as `query`. Not for the emulator: its dry run executes a script.
    """
    config = bigquery.QueryJobConfig(use_legacy_sql=False, use_query_cache=False, dry_run=True)
    with translated("query"):
        job = client.query(sql, job_config=config, timeout=timeout_s, retry=READ_RETRY, job_retry=None)
    kind: str | None = job.statement_type
    return kind


def _run(
    client: bigquery.Client, sql: str, params: Mapping[str, Parameter] | None, timeout_s: float
) -> tuple[bigquery.QueryJob, Any]:
    """Run a statement; return its job and rows. One that only reads is sent again when BigQuery is busy."""
    config = bigquery.QueryJobConfig(
        use_legacy_sql=False,
        job_timeout_ms=int(timeout_s * 1000),
        query_parameters=[
            bigquery.ScalarQueryParameter(name, _parameter_type(value), value)
            for name, value in (params or {}).items()
        ],
    )
    logger.debug("%s", sql)

    def run() -> tuple[bigquery.QueryJob, Any]:
        # engine: errors - not query_and_wait: against the emulator it swallows that a statement failed. And
        # no job_retry: whatever it is, the client then sends the job again for ten minutes.
        job = client.query(sql, job_config=config, timeout=timeout_s, retry=NO_RETRY, job_retry=None)
        return job, job.result(timeout=timeout_s, retry=READ_RETRY, job_retry=None)

    with translated("query"):
        return READ_RETRY(run)() if only_reads(sql) else run()


def only_reads(sql: str) -> bool:
    """Tell whether the text is for certain one statement that writes nothing."""
    body = sql.strip().rstrip(";")
    return ";" not in body and re.match(r"(select|with)\b", body, re.IGNORECASE) is not None


def _parameter_type(value: Parameter) -> str:
    if isinstance(value, datetime):
        return "TIMESTAMP" if value.tzinfo else "DATETIME"
    types = {bool: "BOOL", int: "INT64", float: "FLOAT64", Decimal: "NUMERIC", date: "DATE"}
    return types.get(type(value), "STRING")
