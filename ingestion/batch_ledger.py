"""Record each batch in the ledger: how far it came, and what the source contained.

A batch goes from 'extracting' to 'loading' to 'completed', or ends as 'void'. Staging sees completed ones
only, so the one statement that completes a batch makes all its tables visible at once. Rows are
written by statements, never streamed: streamed rows cannot be updated for a while.
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
from ingestion.changes.xid import Previous, ended_from_text
from ingestion.read_window import Snapshot
from ingestion.source import identity
from ingestion.staged_files import Manifest
from metadata.errors import WwiError
from warehouse.ledger import hash_chain
from warehouse.ledger.batch_contents import CONTENTS, chained
from warehouse.ledger.tables import COMPLETED, EXTRACTING, LOADING, TABLES, VOID, Row, insert, table_name
from warehouse.load_jobs import LoadJob
from warehouse.queries import Parameter, execute, query

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unfinished:
    """A batch that no run has ended: its status, and the process that began it."""

    batch_id: int
    load_dts: datetime
    status: str
    pid: int
    host: str


@dataclass(frozen=True)
class LedgerState:
    """What the next batch must know of those before it. The last ones are None when there was no batch."""

    last_batch_id: int
    last_load_dts: datetime | None
    last_applied_dts: datetime | None
    unfinished: tuple[Unfinished, ...]
    previous: Mapping[str, Previous]


@dataclass(frozen=True)
class Batch:
    """A batch as it begins."""

    batch_id: int
    load_dts: datetime
    applied_dts: datetime
    source_system: str
    snapshot: str
    started_at: datetime


def read_state(client: Client, settings: Settings) -> LedgerState:
    """Read what the next batch must know. Raises MissingInWarehouseError when there is no ledger."""
    names = {name: table_name(settings, name) for name in TABLES}
    limit = settings.query_timeout_s
    batches = query(client, _OPEN_BATCHES.format(**names), timeout_s=limit)
    previous = query(client, _PREVIOUS.format(**names), timeout_s=limit)
    last = batches[0] if batches else {}
    return LedgerState(
        last_batch_id=last.get("last_batch_id") or 0,
        last_load_dts=last.get("last_load_dts"),
        last_applied_dts=last.get("last_applied_dts"),
        unfinished=tuple(
            Unfinished(row["batch_id"], row["load_dts"], row["status"], row["pid"], row["host"])
            for row in batches
            if row["status"] in {EXTRACTING, LOADING}
        ),
        previous={
            row["table_name"]: Previous(
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
    """Record a batch that begins to read. `ended_xids`: see ingestion/changes/xid.py."""
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
    """Move an unfinished batch on; a completed or void one stays what it is."""
    statement = f"""
        update {table_name(settings, "batches")}
        set status = @status, error = nullif(@error, '')
        where batch_id = @batch_id and status in ('{EXTRACTING}', '{LOADING}')
    """
    params: dict[str, Parameter] = {"status": status, "error": error or "", "batch_id": batch_id}
    execute(client, statement, params, settings.query_timeout_s)


def give_up(client: Client, settings: Settings, batch_id: int, reason: str) -> None:
    """Mark a batch void because of an error, which matters more than whether this note of it succeeds."""
    try:
        set_status(client, settings, batch_id, VOID, reason)
    except WwiError:
        logger.warning("batch %s could not be marked void; the next run will do it", batch_id)


def record_schema_changes(
    client: Client, settings: Settings, batch_id: int, changes: Sequence[SchemaChange]
) -> None:
    """Note what became of columns that the metadata do not know, when it is not what was noted last."""
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
    told = ", '|', ".join(f"json_value(line, '$.{name}')" for name in names)
    known = f"""
        where concat({told}) not in (
            select concat({", '|', ".join(names)})
            from {table_name(settings, "schema_changes")}
            qualify row_number() over (partition by table_name, column_name order by batch_id desc) = 1
        )
    """
    statement = insert(settings, "schema_changes", rows) + known
    execute(client, statement, timeout_s=settings.query_timeout_s)


def complete(  # noqa: PLR0913, PLR0917 - a batch and what came of it
    client: Client,
    settings: Settings,
    manifest: Manifest,
    jobs: Mapping[str, LoadJob],
    contents: Mapping[str, str],
    finished_at: datetime,
) -> None:
    """Write what each table brought, its control totals, and that the batch is completed: all or nothing.

    `contents`: {table: content of its rows in raw, or in the ledger for those of CONTENTS}, with which it
    joins the chain (warehouse/ledger/hash_chain.py).
    """
    loads: list[Row] = [
        {
            **table.model_dump(),
            "batch_id": manifest.batch_id,
            "table_name": table.table,
            "rows_loaded": table.rows,
            "checksum": table.sha256,
            **_work(jobs.get(table.table)),
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
    (begun,) = query(
        client,
        _BEGUN.format(batches=table_name(settings, "batches"), batch_id=manifest.batch_id),
        timeout_s=settings.query_timeout_s,
    )
    previous = begun.pop("newest_hash") or hash_chain.START
    content_of = {column: contents.get(name, hash_chain.NOTHING) for name, column in CONTENTS.items()}
    done = begun | content_of | {"status": COMPLETED, "error": None, "finished_at": finished_at}
    own_hash = hash_chain.link(previous, done, chained(loads, totals))
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


def _work(job: LoadJob | None) -> Row:
    """What the engine says of the load job; nothing for a table that had none."""
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


_BEGUN = """
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
