"""The layout of raw tables: the columns of the source table in their order, then four system columns."""

import hashlib
from typing import Any

import pyarrow as pa
from google.cloud.bigquery import PolicyTagList, SchemaField

from config.settings import Settings
from metadata.spec import Column, Table
from warehouse.tables import TableLayout
from warehouse.type_mappings import ColumnType, column_type

UPSERT = "upsert"
DELETE = "delete"

SYSTEM_COLUMNS = (
    SchemaField("batch_id", "INT64", description="The batch that loaded the row."),
    SchemaField(
        "load_dts", "TIMESTAMP", description="Start of the batch (UTC), the same for all its tables."
    ),
    SchemaField("record_source", "STRING", description="System, schema and table of the row."),
    SchemaField(
        "change_type", "STRING", description="'upsert': a new or changed row; 'delete': the key was deleted."
    ),
)
SYSTEM_COLUMN_TYPES = (pa.int64(), pa.timestamp("us", tz="UTC"), pa.string(), pa.string())


def record_source(table: Table) -> str:
    """Return the record source of a table: `wwi.sales.customers`."""
    return f"wwi.{table.qualified}"


def raw_table_id(settings: Settings, table: Table) -> str:
    """Return the full name of a raw table: `project.wwi_raw.sales__customers`."""
    return f"{settings.project}.{settings.dataset('raw')}.{table.raw_name}"


def raw_layout(settings: Settings, table: Table) -> TableLayout:
    """Return the layout of a raw table: partitioned by day of load_dts, clustered by key.

    Every column is nullable: a delete record has only the key and the system columns. Personal columns have
    the policy tag of the settings, if any. No partition filter is required: the newest row of a key, which
    the key cache and the reconciliation read, can be in any partition.
    """
    tag = settings.policy_tag
    source = [_field(column, column_type(column.type), tag) for column in table.loaded_columns]
    return TableLayout(
        table_id=raw_table_id(settings, table),
        schema=(*source, *SYSTEM_COLUMNS),
        description=f"{table.description} Every change of the source table, in the order of load_dts.",
        partition_by="load_dts",
        cluster_by=table.primary_key,
    )


def arrow_schema(table: Table) -> pa.Schema:
    """Return the Parquet schema of a raw table: source columns, then system columns."""
    source = [(column.name, column_type(column.type).arrow) for column in table.loaded_columns]
    system = [(field.name, kind) for field, kind in zip(SYSTEM_COLUMNS, SYSTEM_COLUMN_TYPES, strict=True)]
    return pa.schema(source + system)


def system_column_names() -> list[str]:
    """Return the names of the system columns; each has one or two distinct values in a batch."""
    return [field.name for field in SYSTEM_COLUMNS]


def key_schema(table: Table) -> pa.Schema:
    """Return the Parquet schema of the key columns."""
    return pa.schema([(name, column_type(table.column(name).type).arrow) for name in table.primary_key])


def fingerprint(layouts: list[TableLayout]) -> str:
    """Return a short hash of the layouts; it is equal when there is nothing new to create."""
    text = repr([(layout.table_id, [field.to_api_repr() for field in layout.schema]) for layout in layouts])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _field(column: Column, kind: ColumnType, tag: str | None) -> SchemaField:
    more: dict[str, Any] = (
        {} if kind.precision is None else {"precision": kind.precision, "scale": kind.scale}
    )
    if tag is not None and column.is_personal:
        more["policy_tags"] = PolicyTagList([tag])
    return SchemaField(column.name, kind.bigquery, description=column.description, **more)
