"""The tables of the ledger: their columns, and the statements that name and fill them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from google.cloud.bigquery import PolicyTagList, SchemaField

from config.settings import Settings
from warehouse.tables import TableLayout

DESCRIPTION = "The ledger: batches, builds, control totals and hashes."


EXTRACTING, LOADING, COMPLETED, VOID = "extracting", "loading", "completed", "void"


Row = dict[str, Any]


TABLES: Mapping[str, tuple[str, str]] = {
    "batches": (
        "One row per batch.",
        "batch_id INT64, load_dts TIMESTAMP, applied_dts DATETIME, status STRING, started_at TIMESTAMP, "
        "finished_at TIMESTAMP, source_system STRING, snapshot STRING, pid INT64, host STRING, "
        "code_version STRING, error STRING, ended_xids STRING, previous_hash STRING, own_hash STRING, "
        "rejected_content STRING, daily_content STRING",
    ),
    "table_loads": (
        "One row per table of a completed batch, also when nothing changed.",
        "batch_id INT64, table_name STRING, mode STRING, reason STRING, window_from STRING, "
        "window_to STRING, "
        "rows_read INT64, rows_upserted INT64, rows_deleted INT64, rows_changed INT64, rows_loaded INT64, "
        "bytes INT64, "
        "checksum STRING, job_id STRING, status STRING, error STRING, started_at TIMESTAMP, "
        "finished_at TIMESTAMP, days INT64, columns STRING, bytes_written INT64, slot_ms INT64, "
        "rejected INT64, content STRING, identity STRING",
    ),
    "control_totals": (
        "Totals of each source table in the snapshot of a batch: row count, and the sum of each measure.",
        "batch_id INT64, table_name STRING, control STRING, value NUMERIC",
    ),
    "daily_totals": (
        "Control totals by business day for the tables that changed. The newest batch with `days` in "
        "table_loads is valid.",
        "batch_id INT64, load_dts TIMESTAMP, table_name STRING, day DATE, control STRING, value NUMERIC",
    ),
    "vault_loads": (
        "One row per batch that the raw vault has loaded.",
        "batch_id INT64, load_dts TIMESTAMP, invocation_id STRING, loaded_at TIMESTAMP, hash_version INT64",
    ),
    "leases": (
        "The lease: who may write to the warehouse now. One row, free when it has expired.",
        "name STRING, holder STRING, step STRING, host STRING, machine STRING, pid INT64, "
        "started_at FLOAT64, acquired_at TIMESTAMP, expires_at TIMESTAMP, start_ticks INT64",
    ),
    "rejected_values": (
        "Rejected values: values that BigQuery cannot hold. They are null in raw and stored here as text "
        "with the key of their row (JSON). Only rows of completed batches are valid.",
        "batch_id INT64, table_name STRING, key STRING, column_name STRING, value STRING, reason STRING, "
        "rejected_at TIMESTAMP, load_dts TIMESTAMP",
    ),
    "schema_changes": (
        "Source columns that are not in the metadata, see ingestion/changes/new_columns.py.",
        "batch_id INT64, table_name STRING, column_name STRING, change STRING, source_type STRING, "
        "detected_at TIMESTAMP, reason STRING",
    ),
    "rebuilds": (
        "One row per `wwi rebuild`: vault and marts were rebuilt from raw in shadow datasets and compared.",
        "rebuild_id INT64, started_at TIMESTAMP, finished_at TIMESTAMP, status STRING, batches INT64, "
        "tables INT64, tables_different INT64, code_version STRING, error STRING",
    ),
    "rebuilt_tables": (
        "The result of a rebuild: one row per table, with row counts and checksums, live and rebuilt.",
        "rebuild_id INT64, layer STRING, table_name STRING, live_rows INT64, rebuilt_rows INT64, "
        "live_checksum NUMERIC, rebuilt_checksum NUMERIC, is_equal BOOL, difference STRING",
    ),
    "builds": (
        "One row per build (dbt run). The batches that it loaded have its `invocation_id` in vault_loads.",
        "invocation_id STRING, started_at TIMESTAMP, finished_at TIMESTAMP, status STRING, "
        "code_version STRING, commit_id STRING, packages STRING, arguments STRING, vars STRING, "
        "dataset_prefix STRING, models INT64, tests INT64, failed INT64, skipped INT64, "
        "rows_affected INT64, bytes_billed INT64, error STRING, host STRING, scope STRING, "
        "project_hash STRING, packages_origin STRING",
    ),
    "table_functions": (
        "The table functions <mart>_asof, with the hash of their statement.",
        "name STRING, statement_hash STRING, made_at TIMESTAMP",
    ),
    "erasures": (
        "One row per erasure of a person's values. The values themselves are not stored.",
        "erasure_id INT64, entity STRING, entity_key STRING, erased_at TIMESTAMP, erased_by STRING, "
        "reason STRING, head STRING, previous_hash STRING, own_hash STRING",
    ),
    "erasing": (
        "Search texts of an erasure that is running; empty otherwise.",
        "entity_key INT64, position INT64, value STRING",
    ),
    "erased_contents": (
        "The tables and batches that an erasure changed, with their content checksums before and after.",
        "erasure_id INT64, table_name STRING, batch_id INT64, delivery_rows INT64, columns STRING, "
        "old_content STRING, new_content STRING",
    ),
    "build_nodes": (
        "One row per model, test or other node of a build, with its result.",
        "invocation_id STRING, kind STRING, name STRING, layer STRING, status STRING, rows_affected INT64, "
        "bytes_billed INT64, seconds FLOAT64, failing_rows INT64, message STRING, finished_at TIMESTAMP",
    ),
    "test_failures": (
        "The first rows that failed a data test of a build. `build_nodes` has the number of failing rows.",
        "invocation_id STRING, test_name STRING, table_name STRING, row_key STRING, column_name STRING, "
        "value STRING, expected STRING, failing_rows INT64, finished_at TIMESTAMP",
    ),
}


# Columns that can contain any value, also personal data.
_PERSONAL_COLUMNS = {
    ("rejected_values", "key"),
    ("rejected_values", "value"),
    ("erasing", "value"),
    ("test_failures", "row_key"),
    ("test_failures", "value"),
}


# Tables that grow by more than a few rows per batch are partitioned.
_PARTITIONS = {
    "daily_totals": ("load_dts", ("table_name",)),
    "build_nodes": ("finished_at", ("invocation_id",)),
    "test_failures": ("finished_at", ("invocation_id",)),
}


def layouts(settings: Settings) -> list[TableLayout]:
    """Return the layouts of all ledger tables."""
    return [layout(settings, name) for name in TABLES]


def layout(settings: Settings, name: str) -> TableLayout:
    """Return the layout of one ledger table."""
    partition_by, cluster_by = _PARTITIONS.get(name, (None, ()))
    tagged: dict[str, Any] = (
        {"policy_tags": PolicyTagList([settings.policy_tag])} if settings.policy_tag else {}
    )
    return TableLayout(
        table_id=f"{settings.project}.{settings.dataset('audit')}.{name}",
        schema=tuple(
            SchemaField(column, kind, **(tagged if (name, column) in _PERSONAL_COLUMNS else {}))
            for column, kind in columns_of(name)
        ),
        description=TABLES[name][0],
        partition_by=partition_by,
        cluster_by=cluster_by,
    )


def insert(settings: Settings, name: str, rows: Sequence[Row]) -> str:
    """Return one statement that inserts rows into a ledger table.

    Missing columns become null; keys that are not columns are ignored. The rows are passed as one JSON text
    and cast to the column types: scripts take no parameters on the emulator, and it parses many literals
    slowly.
    """
    columns = dict(columns_of(name))  # engine: parameters
    casts = ", ".join(
        f"cast(json_value(line, '$.{column}') as {_CAST_TYPES.get(kind, kind)})"
        for column, kind in columns.items()
    )
    known = [{column: row[column] for column in columns if column in row} for row in rows]
    lines = string_literal(json.dumps(known, default=str, ensure_ascii=False))
    return (
        f"insert into {table_name(settings, name)} ({', '.join(columns)})\n"
        f"select {casts} from unnest(json_query_array({lines})) as line"
    )


def string_literal(text: str) -> str:
    """Return a text as a GoogleSQL string literal."""
    escapes: dict[str, str | int | None] = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r"}
    return "'" + text.translate(str.maketrans(escapes)) + "'"


def columns_of(table: str) -> list[tuple[str, str]]:
    """Return name and type of each column of a ledger table."""
    return [(name, kind) for name, kind in (column.split() for column in TABLES[table][1].split(", "))]


def table_name(settings: Settings, table: str) -> str:
    """Return the full quoted name of a ledger table."""
    return f"`{settings.project}`.`{settings.dataset('audit')}`.`{table}`"


def completed_batches_query(settings: Settings) -> str:
    """Return a query of the ids of completed batches; rows of other batches are in no layer."""
    return f"select batch_id from {table_name(settings, 'batches')} where status = '{COMPLETED}'"


# engine: numeric - without explicit digits it holds fewer digits on the emulator than on BigQuery
_CAST_TYPES = {"NUMERIC": "numeric(38, 9)"}
