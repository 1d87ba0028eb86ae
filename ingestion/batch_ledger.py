"""Record each batch in the ledger: its status, and what the source contained.

A batch goes from 'extracting' to 'loading' to 'completed', or ends as 'void'. Staging reads completed batches
only, so the statement that completes a batch makes all its tables visible at once. Rows are written by
statements, not streamed, because streamed rows cannot be updated for some time.
"""

import json
import logging
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from google.cloud.bigquery import Client

from config.settings import Settings
from ingestion.changes.new_columns import SchemaChange
from ingestion.changes.xid import PreviousLoad, ended_from_text
from ingestion.read_window import Snapshot
from ingestion.source import identity
from ingestion.staged_files import Manifest
from metadata.errors import WwiError
from metadata.ledger import ledger_tables
from warehouse.ledger import hash_chain
from warehouse.ledger.batch_contents import CONTENT_COLUMNS, hashed_rows
from warehouse.ledger.tables import COMPLETED, EXTRACTING, LOADING, VOID, Row, insert, table_name
from warehouse.load_jobs import LoadJob
from warehouse.queries import Parameter, execute, query

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class UnfinishedBatch:
    """A batch that is neither completed nor void, and the process that started it."""

    batch_id: int
    load_dts: datetime
    status: str
    pid: int
    host: str


@dataclass(frozen=True)
class LedgerState:
    """What the next batch needs to know about earlier ones. `last_...` are None before the first batch."""

    last_batch_id: int
    last_load_dts: datetime | None
    last_applied_dts: datetime | None
    unfinished: tuple[UnfinishedBatch, ...]
    previous: Mapping[str, PreviousLoad]


@dataclass(frozen=True)
class Batch:
    """A batch at its start."""

    batch_id: int
    load_dts: datetime
    applied_dts: datetime
    source_system: str
    snapshot: str
    started_at: datetime


def read_state(client: Client, settings: Settings) -> LedgerState:
    """Read the state of the ledger. Raises MissingInWarehouseError if there is no ledger."""
    names = {name: table_name(settings, name) for name in ledger_tables()}
    limit = settings.query_timeout_s
    batches = query(client, _OPEN_BATCHES.format(**names), timeout_s=limit)
    previous = query(client, _PREVIOUS.format(**names), timeout_s=limit)
    last = batches[0] if batches else {}
    return LedgerState(
        last_batch_id=last.get("last_batch_id") or 0,
        last_load_dts=last.get("last_load_dts"),
        last_applied_dts=last.get("last_applied_dts"),
        unfinished=tuple(
            UnfinishedBatch(row["batch_id"], row["load_dts"], row["status"], row["pid"], row["host"])
            for row in batches
            if row["status"] in {EXTRACTING, LOADING}
        ),
        previous={
            row["table_name"]: PreviousLoad(
                row["batch_id"],
                row["load_dts"],
                row["source_system"],
                Snapshot.parse(row["snapshot"]),
                int(row["source_rows"]),
                ended_from_text(row["ended_xids"]),
                json.loads(row["columns"]) if row["columns"] else None,
                identity.from_text(row["identity"]),
            )
            for row in previous
        },
    )


def open_batch(client: Client, settings: Settings, batch: Batch, ended_xids: str | None) -> None:
    """Record a batch that starts to read. `ended_xids`: see ingestion/changes/xid.py."""
    row = {
        **asdict(batch),
        "status": EXTRACTING,
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "code_version": version("wwi-vault"),
        "ended_xids": ended_xids,
    }
    execute(client, insert(settings, "batches", [row]), timeout_s=settings.query_timeout_s)


def set_status(
    client: Client, settings: Settings, batch_id: int, status: str, error: str | None = None
) -> None:
    """Set the status of an unfinished batch. Completed and void batches do not change."""
    statement = f"""
        update {table_name(settings, "batches")}
        set status = @status, error = nullif(@error, '')
        where batch_id = @batch_id and status in ('{EXTRACTING}', '{LOADING}')
    """
    params: dict[str, Parameter] = {"status": status, "error": error or "", "batch_id": batch_id}
    execute(client, statement, params, settings.query_timeout_s)


def void_batch(client: Client, settings: Settings, batch_id: int, reason: str) -> None:
    """Set a batch to void after an error. If that fails, log it, so that the first error is raised."""
    try:
        set_status(client, settings, batch_id, VOID, reason)
    except WwiError:
        logger.warning("batch %s could not be marked void; the next run will do it", batch_id)


def record_schema_changes(
    client: Client, settings: Settings, batch_id: int, changes: Sequence[SchemaChange]
) -> None:
    """Record what happens to columns that are not in the metadata, unless the last record says the same."""
    now = datetime.now(UTC)
    rows = [
        {
            "batch_id": batch_id,
            "table_name": each.table,
            "column_name": each.column,
            "change": each.change,
            "source_type": each.type,
            "detected_at": now,
            "reason": each.reason,
        }
        for each in changes
    ]
    names = ("table_name", "column_name", "change", "source_type", "reason")
    compared = ", '|', ".join(f"json_value(line, '$.{name}')" for name in names)
    unless_recorded = f"""
        where concat({compared}) not in (
            select concat({", '|', ".join(names)})
            from {table_name(settings, "schema_changes")}
            qualify row_number() over (partition by table_name, column_name order by batch_id desc) = 1
        )
    """
    statement = insert(settings, "schema_changes", rows) + unless_recorded
    execute(client, statement, timeout_s=settings.query_timeout_s)


def complete(  # noqa: PLR0913, PLR0917 - a batch and its results
    client: Client,
    settings: Settings,
    manifest: Manifest,
    jobs: Mapping[str, LoadJob],
    contents: Mapping[str, str],
    finished_at: datetime,
) -> None:
    """Complete the batch: write its loads, its control totals and its batch hash in one transaction.

    `contents`: {table: checksum of its rows in raw, or in the ledger for those in CONTENT_COLUMNS},
    which the batch hash covers (warehouse/ledger/hash_chain.py).
    """
    loads: list[Row] = [
        {
            **table.model_dump(),
            "batch_id": manifest.batch_id,
            "table_name": table.table,
            "rows_loaded": table.rows,
            "checksum": table.sha256,
            **_job_statistics(jobs.get(table.table)),
            "status": "loaded" if table.file else "unchanged",
            "columns": json.dumps(table.columns),
            "identity": table.identity.to_text() if table.identity else None,
            "content": contents.get(table.table),
        }
        for table in manifest.tables
    ]
    totals: list[Row] = [
        {"batch_id": manifest.batch_id, "table_name": table.table, "control": name, "value": value}
        for table in manifest.tables
        for name, value in {"rows": table.source_rows, **table.controls}.items()
    ]
    (batch_row,) = query(
        client,
        _BATCH_AND_LAST_HASH.format(batches=table_name(settings, "batches"), batch_id=manifest.batch_id),
        timeout_s=settings.query_timeout_s,
    )
    previous = batch_row.pop("newest_hash") or hash_chain.GENESIS_HASH
    content_of = {
        column: contents.get(name, hash_chain.EMPTY_CONTENT) for name, column in CONTENT_COLUMNS.items()
    }
    completed = batch_row | content_of | {"status": COMPLETED, "error": None, "finished_at": finished_at}
    own_hash = hash_chain.batch_hash(previous, completed, hashed_rows(loads, totals))
    script = [
        "begin transaction",
        insert(settings, "table_loads", loads),
        insert(settings, "control_totals", totals),
        f"update {table_name(settings, 'batches')} set status = '{COMPLETED}', error = null, "
        f"finished_at = timestamp '{finished_at.isoformat(sep=' ')}', previous_hash = '{previous}', "
        + "".join(f"{column} = '{content}', " for column, content in content_of.items())
        + f"own_hash = '{own_hash}' where batch_id = {manifest.batch_id}",
        "commit transaction",
    ]
    execute(client, ";\n".join(script) + ";", timeout_s=settings.query_timeout_s)


def _job_statistics(job: LoadJob | None) -> Row:
    """Return the statistics of the load job; empty for a table without one."""
    if job is None:
        return {}
    return {"job_id": job.job_id, "bytes_written": job.bytes, "slot_ms": job.slot_ms}


_OPEN_BATCHES = """
select
    batch_id, load_dts, status, pid, host,
    max(batch_id) over () as last_batch_id,
    max(load_dts) over () as last_load_dts,
    max(applied_dts) over () as last_applied_dts
from {batches}
where true
qualify status in ('extracting', 'loading') or batch_id = max(batch_id) over ()
order by batch_id
"""


_BATCH_AND_LAST_HASH = """
select
    *,
    (
        select newest.own_hash
        from {batches} as newest
        where newest.status = 'completed' and newest.batch_id < {batch_id}
        order by newest.batch_id desc
        limit 1
    ) as newest_hash
from {batches}
where batch_id = {batch_id}
"""


_PREVIOUS = """
select
    loads.table_name, batches.batch_id, batches.load_dts, batches.source_system, batches.snapshot,
    batches.ended_xids, loads.columns, loads.identity,
    totals.value as source_rows
from {table_loads} as loads
inner join {batches} as batches
    on batches.batch_id = loads.batch_id and batches.status = 'completed'
inner join {control_totals} as totals
    on totals.batch_id = loads.batch_id and totals.table_name = loads.table_name and totals.control = 'rows'
where true
qualify row_number() over (partition by loads.table_name order by loads.batch_id desc) = 1
"""
