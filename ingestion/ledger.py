"""The ledger: which batches there are, how far each came, and what the source held then.

A batch goes from 'extracting' to 'loading' to 'completed', or ends as 'void'. Staging sees completed ones
only, so the one statement that completes a batch is what makes all its tables visible at once. Rows are
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
from typing import Any

from google.cloud.bigquery import Client, PolicyTagList, SchemaField

from ingestion import bigquery, chain, identity
from ingestion.bigquery import Parameter, TableLayout
from ingestion.load_jobs import LoadJob
from ingestion.new_columns import SchemaChange
from ingestion.plan import Previous, Snapshot, ended_from_text
from ingestion.settings import Settings
from ingestion.spool import Manifest
from metadata.errors import WwiError

logger = logging.getLogger(__name__)

DESCRIPTION = "The ledger of the loads, and what they must add up to."
EXTRACTING, LOADING, COMPLETED, VOID = "extracting", "loading", "completed", "void"

Row = dict[str, Any]

_TABLES: Mapping[str, tuple[str, str]] = {
    "batches": (
        "One row per batch of the ingestion.",
        "batch_id INT64, load_dts TIMESTAMP, applied_dts DATETIME, status STRING, started_at TIMESTAMP, "
        "finished_at TIMESTAMP, source_system STRING, snapshot STRING, pid INT64, host STRING, "
        "code_version STRING, error STRING, ended_xids STRING, previous_hash STRING, own_hash STRING, "
        "rejected_content STRING, daily_content STRING",
    ),
    "table_loads": (
        "One row per table of a completed batch, also when nothing had changed.",
        "batch_id INT64, table_name STRING, mode STRING, reason STRING, window_from STRING, "
        "window_to STRING, "
        "rows_read INT64, rows_upserted INT64, rows_deleted INT64, rows_changed INT64, rows_loaded INT64, "
        "bytes INT64, "
        "checksum STRING, job_id STRING, status STRING, error STRING, started_at TIMESTAMP, "
        "finished_at TIMESTAMP, days INT64, columns STRING, bytes_written INT64, slot_ms INT64, "
        "rejected INT64, content STRING, identity STRING",
    ),
    "control_totals": (
        "What a source table held as a whole in a batch's snapshot: its rows, and the sum of each measure.",
        "batch_id INT64, table_name STRING, control STRING, value NUMERIC",
    ),
    "daily_totals": (
        "The same by business day, of the tables that changed; the newest batch with `days` in table_loads "
        "is the one that counts.",
        "batch_id INT64, load_dts TIMESTAMP, table_name STRING, day DATE, control STRING, value NUMERIC",
    ),
    "vault_loads": (
        "One row per batch that the raw vault has taken up.",
        "batch_id INT64, load_dts TIMESTAMP, invocation_id STRING, loaded_at TIMESTAMP, hash_version INT64",
    ),
    "leases": (
        "Who may write to the warehouse now, see ingestion/lease.py: one row, free when it has expired.",
        "name STRING, holder STRING, step STRING, host STRING, machine STRING, pid INT64, "
        "started_at FLOAT64, acquired_at TIMESTAMP, expires_at TIMESTAMP, start_ticks INT64",
    ),
    "rejected_values": (
        "Values that BigQuery cannot hold: null in raw, kept here as text with the key of their row (JSON); "
        "those of completed batches count.",
        "batch_id INT64, table_name STRING, key STRING, column_name STRING, value STRING, reason STRING, "
        "rejected_at TIMESTAMP, load_dts TIMESTAMP",
    ),
    "schema_changes": (
        "What became of columns that the metadata do not know, see ingestion/new_columns.py.",
        "batch_id INT64, table_name STRING, column_name STRING, change STRING, source_type STRING, "
        "detected_at TIMESTAMP, reason STRING",
    ),
    "rebuilds": (
        "One row per `wwi rebuild`: vault and marts made again from raw beside the live ones, see "
        "ingestion/rebuilds.py.",
        "rebuild_id INT64, started_at TIMESTAMP, finished_at TIMESTAMP, status STRING, batches INT64, "
        "tables INT64, tables_different INT64, code_version STRING, error STRING",
    ),
    "rebuilt_tables": (
        "The proof of a rebuild: one row per table, with rows and content checksum live and rebuilt.",
        "rebuild_id INT64, layer STRING, table_name STRING, live_rows INT64, rebuilt_rows INT64, "
        "live_checksum NUMERIC, rebuilt_checksum NUMERIC, is_equal BOOL, difference STRING",
    ),
    "builds": (
        "One row per build by dbt, see ingestion/builds.py; its `invocation_id` in vault_loads tells which "
        "batches it took up.",
        "invocation_id STRING, started_at TIMESTAMP, finished_at TIMESTAMP, status STRING, "
        "code_version STRING, commit_id STRING, packages STRING, arguments STRING, vars STRING, "
        "dataset_prefix STRING, models INT64, tests INT64, failed INT64, skipped INT64, "
        "rows_affected INT64, bytes_billed INT64, error STRING, host STRING, scope STRING, "
        "project_hash STRING, packages_origin STRING",
    ),
    "table_functions": (
        "The functions <mart>_asof that were made, with the hash of the statement, see "
        "questions/table_functions.py.",
        "name STRING, statement_hash STRING, made_at TIMESTAMP",
    ),
    "erasures": (
        "One row per erasure of a person's values, see ingestion/erasures.py; none of the values is kept.",
        "erasure_id INT64, entity STRING, entity_key STRING, erased_at TIMESTAMP, erased_by STRING, "
        "reason STRING, head STRING, previous_hash STRING, own_hash STRING",
    ),
    "erasing": (
        "The texts by which a person is looked for, while that is done; see questions/personal.py.",
        "entity_key INT64, position INT64, value STRING",
    ),
    "erased_contents": (
        "The deliveries that an erasure changed, with the content of each before and after.",
        "erasure_id INT64, table_name STRING, batch_id INT64, delivery_rows INT64, columns STRING, "
        "old_content STRING, new_content STRING",
    ),
    "build_nodes": (
        "One row per model, test or other node of a build, with its outcome.",
        "invocation_id STRING, kind STRING, name STRING, layer STRING, status STRING, rows_affected INT64, "
        "bytes_billed INT64, seconds FLOAT64, failing_rows INT64, message STRING, finished_at TIMESTAMP",
    ),
    "test_failures": (
        "The first rows that failed or warned in a data test of a build, see ingestion/test_failures.py; "
        "`build_nodes` has their number.",
        "invocation_id STRING, test_name STRING, table_name STRING, row_key STRING, column_name STRING, "
        "value STRING, expected STRING, failing_rows INT64, finished_at TIMESTAMP",
    ),
}


# Columns that can hold anything, also personal data.
_PERSONAL = {
    ("rejected_values", "key"),
    ("rejected_values", "value"),
    ("erasing", "value"),
    ("test_failures", "row_key"),
    ("test_failures", "value"),
}

# Tables whose rows a batch loads: the row of the batch has their content, see ingestion/chain.py. Their
# columns are part of that: one that is added here must be left out of it.
CONTENTS = {"rejected_values": "rejected_content", "daily_totals": "daily_content"}

# The tables that grow by more than a few rows a batch are read by partition.
_PARTITIONS = {
    "daily_totals": ("load_dts", ("table_name",)),
    "build_nodes": ("finished_at", ("invocation_id",)),
    "test_failures": ("finished_at", ("invocation_id",)),
}


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


def layouts(settings: Settings) -> list[TableLayout]:
    """The tables of the ledger."""
    return [layout(settings, name) for name in _TABLES]


def layout(settings: Settings, name: str) -> TableLayout:
    """One table of the ledger."""
    partition_by, cluster_by = _PARTITIONS.get(name, (None, ()))
    tagged: dict[str, Any] = (
        {"policy_tags": PolicyTagList([settings.policy_tag])} if settings.policy_tag else {}
    )
    return TableLayout(
        table_id=f"{settings.project}.{settings.dataset('audit')}.{name}",
        schema=tuple(
            SchemaField(column, kind, **(tagged if (name, column) in _PERSONAL else {}))
            for column, kind in _columns(name)
        ),
        description=_TABLES[name][0],
        partition_by=partition_by,
        cluster_by=cluster_by,
    )


def read_state(client: Client, settings: Settings) -> LedgerState:
    """Read what the next batch must know. Raises MissingInWarehouseError when there is no ledger."""
    names = {name: table_name(settings, name) for name in _TABLES}
    limit = settings.query_timeout_s
    batches = bigquery.query(client, _OPEN_BATCHES.format(**names), timeout_s=limit)
    previous = bigquery.query(client, _PREVIOUS.format(**names), timeout_s=limit)
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
    """Record a batch that begins to read. `ended_xids`: see ingestion/plan.py."""
    row = {
        **asdict(batch),
        "status": EXTRACTING,
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "code_version": version("wwi-vault"),
        "ended_xids": ended_xids,
    }
    bigquery.execute(client, insert(settings, "batches", [row]), timeout_s=settings.query_timeout_s)


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
    bigquery.execute(client, statement, params, settings.query_timeout_s)


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
    bigquery.execute(client, statement, timeout_s=settings.query_timeout_s)


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
    joins the chain (ingestion/chain.py).
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
    (begun,) = bigquery.query(
        client,
        _BEGUN.format(batches=table_name(settings, "batches"), batch_id=manifest.batch_id),
        timeout_s=settings.query_timeout_s,
    )
    previous = begun.pop("newest_hash") or chain.START
    content_of = {column: contents.get(name, chain.NOTHING) for name, column in CONTENTS.items()}
    done = begun | content_of | {"status": COMPLETED, "error": None, "finished_at": finished_at}
    own_hash = chain.link(previous, done, chained(loads, totals))
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
    bigquery.execute(client, ";\n".join(script) + ";", timeout_s=settings.query_timeout_s)


def chained(loads: Sequence[Row], totals: Sequence[Row]) -> dict[str, tuple[dict[str, str], Sequence[Row]]]:
    """The rows of a batch that its hash is taken over, besides its own, with the types of their columns."""
    rows = {"table_loads": loads, "control_totals": totals}
    return {name: (dict(_columns(name)), found) for name, found in rows.items()}


def loaded(
    settings: Settings, batches: Sequence[int], load_dts: datetime | None = None
) -> list[chain.Delivery]:
    """What batches have loaded into CONTENTS, to ask for its content. `load_dts`: of one batch."""
    return [
        chain.Delivery(
            name,
            tuple(column for column, _ in _columns(name)),
            tuple(batches),
            load_dts,
            relation=table_name(settings, name),
        )
        for name in CONTENTS
    ]


def _work(job: LoadJob | None) -> Row:
    """What the engine says of the load job; nothing for a table that had none."""
    if job is None:
        return {}
    return {"job_id": job.job_id, "bytes_written": job.bytes, "slot_ms": job.slot_ms}


def insert(settings: Settings, name: str, rows: Sequence[Row]) -> str:
    """Return one statement that inserts rows into a table of the ledger.

    Columns that a row lacks are null, what it has besides is left out.

    The rows travel as one JSON text, whose values are cast to the column types: a script takes no parameters
    on the emulator, and hundreds of literals take it a second to parse.
    """
    columns = dict(_columns(name))  # engine: parameters
    casts = ", ".join(
        f"cast(json_value(line, '$.{column}') as {_CAST.get(kind, kind)})" for column, kind in columns.items()
    )
    known = [{column: row[column] for column in columns if column in row} for row in rows]
    lines = string_literal(json.dumps(known, default=str, ensure_ascii=False))
    return (
        f"insert into {table_name(settings, name)} ({', '.join(columns)})\n"
        f"select {casts} from unnest(json_query_array({lines})) as line"
    )


def string_literal(text: str) -> str:
    """Quote a text for GoogleSQL."""
    escapes: dict[str, str | int | None] = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r"}
    return "'" + text.translate(str.maketrans(escapes)) + "'"


def _columns(table: str) -> list[tuple[str, str]]:
    """Name and type of each column of a table of the ledger."""
    return [(name, kind) for name, kind in (column.split() for column in _TABLES[table][1].split(", "))]


def table_name(settings: Settings, table: str) -> str:
    """The full name of a table of the ledger, quoted for GoogleSQL."""
    return f"`{settings.project}`.`{settings.dataset('audit')}`.`{table}`"


def completed(settings: Settings) -> str:
    """The query for the numbers of the batches that count: what others brought is in no layer."""
    return f"select batch_id from {table_name(settings, 'batches')} where status = '{COMPLETED}'"


# engine: numeric - without its digits it is narrower on the emulator than the 38 digits of BigQuery
_CAST = {"NUMERIC": "numeric(38, 9)"}

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
