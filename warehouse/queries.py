"""Run statements in the warehouse, each with a time limit.

Only reads are retried: the emulator runs a job twice when it gets the same job id twice. A write without an
answer is left to the caller, who can check whether it was done.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from google.api_core.retry import Retry
from google.cloud import bigquery

from warehouse.client import logger
from warehouse.errors import is_busy, translated

# engine: numeric - without explicit digits it holds fewer digits on the emulator than on BigQuery
PLAIN_NUMERIC = "numeric(38, 9)"
# engine: repeat
# BigQuery measures most rate limits over 10 seconds, so 30 seconds of retries are enough
READ_RETRY = Retry(predicate=is_busy, initial=0.2, maximum=10, timeout=30)


NO_RETRY: Any = None  # the client accepts it; its type hints do not


Parameter = str | int | float | bool | Decimal | date | datetime


Row = dict[str, Any]


def query(
    client: bigquery.Client,
    sql: str,
    params: Mapping[str, Parameter] | None = None,
    timeout_s: float = 120,
) -> list[Row]:
    """Run one statement or script and return its rows as dicts, in at most `timeout_s` seconds.

    `params` are named (`@name`); their Python type gives the SQL type. Raises MissingInWarehouseError for an
    unknown dataset or table, PermanentError for a rejected statement, TransientError when the warehouse
    cannot be reached.
    """
    _, rows = _run(client, sql, params, timeout_s)
    return [dict(row) for row in rows]


def query_rows(
    client: bigquery.Client, sql: str, timeout_s: float = 120
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Run one SELECT and return its column names and rows. Errors as `query`."""
    _, rows = _run(client, sql, None, timeout_s)
    with translated("query"):
        return tuple(field.name for field in rows.schema), [row.values() for row in rows]


def query_arrow(client: bigquery.Client, sql: str, timeout_s: float = 120) -> Iterator[pa.Table]:
    """Run one query and yield its rows page by page, for large results. Errors as `query`."""
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
    """Run a writing statement and return the number of changed rows (0 for a script). Errors as `query`."""
    job, _ = _run(client, sql, params, timeout_s)
    return int(job.num_dml_affected_rows or 0)


def timestamp_literal(time: datetime) -> str:
    """Return the time as a GoogleSQL literal: only constants let BigQuery prune partitions."""
    return f"timestamp '{time.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00:00'"


@dataclass(frozen=True)
class DryRun:
    """The result of a dry run: the bytes that the statement would read, and the tables."""

    bytes: int
    tables: tuple[str, ...]


def dry_run(client: bigquery.Client, sql: str, timeout_s: float = 120) -> DryRun:
    """Validate one statement and return what it would read; this is free. Errors as `query`."""
    config = bigquery.QueryJobConfig(use_legacy_sql=False, use_query_cache=False, dry_run=True)
    with translated("dry run"):
        job = client.query(sql, job_config=config, timeout=timeout_s, retry=READ_RETRY, job_retry=None)
    return DryRun(
        bytes=int(job.total_bytes_processed or 0),
        tables=tuple(f"{table.dataset_id}.{table.table_id}" for table in job.referenced_tables),
    )


def statement_type(client: bigquery.Client, sql: str, timeout_s: float = 120) -> str | None:
    """Return the type of a statement from a dry run: SELECT, DELETE, SCRIPT.

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
    """Run a statement; return its job and rows. A read is retried when BigQuery is busy."""
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
        # engine: errors - not query_and_wait: with the emulator it hides that a statement failed. No
        # job_retry: with it the client repeats the job for ten minutes whatever the error is.
        job = client.query(sql, job_config=config, timeout=timeout_s, retry=NO_RETRY, job_retry=None)
        return job, job.result(timeout=timeout_s, retry=READ_RETRY, job_retry=None)

    with translated("query"):
        return READ_RETRY(run)() if only_reads(sql) else run()


def only_reads(sql: str) -> bool:
    """Return whether the text is certainly one statement that only reads."""
    body = sql.strip().rstrip(";")
    return ";" not in body and re.match(r"(select|with)\b", body, re.IGNORECASE) is not None


def _parameter_type(value: Parameter) -> str:
    if isinstance(value, datetime):
        return "TIMESTAMP" if value.tzinfo else "DATETIME"
    types = {bool: "BOOL", int: "INT64", float: "FLOAT64", Decimal: "NUMERIC", date: "DATE"}
    return types.get(type(value), "STRING")
