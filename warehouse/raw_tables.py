"""What a raw table looks like: the columns of its source table, in their order, and four of plumbing."""

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

_PLUMBING = (
    SchemaField("batch_id", "INT64", description="The batch that brought the row."),
    SchemaField(
        "load_dts", "TIMESTAMP", description="When the batch began, the same for all its tables (UTC)."
    ),
    SchemaField("record_source", "STRING", description="System, schema and table the row comes from."),
    SchemaField(
        "change_type", "STRING", description="'upsert': the row as it was; 'delete': its key is gone."
    ),
)
_PLUMBING_TYPES = (pa.int64(), pa.timestamp("us", tz="UTC"), pa.string(), pa.string())


def record_source(table: Table) -> str:
    """`wwi.sales.customers`."""
    return f"wwi.{table.qualified}"


def raw_table_id(settings: Settings, table: Table) -> str:
    """`project.wwi_raw.sales__customers`."""
    return f"{settings.project}.{settings.dataset('raw')}.{table.raw_name}"


def raw_layout(settings: Settings, table: Table) -> TableLayout:
    """Return schema, day partitions of load_dts and clustering by key of a raw table.

    Every column is nullable: a delete record carries the key and the plumbing only. Personal columns carry
    the policy tag, where the settings name one. A partition filter is not required: the newest row of a key,
    which the key cache and the reconciliation ask for, may lie in any partition.
    """
    tag = settings.policy_tag
    source = [_field(column, column_type(column.type), tag) for column in table.loaded_columns]
    return TableLayout(
        table_id=raw_table_id(settings, table),
        schema=(*source, *_PLUMBING),
        description=f"{table.description} Every change of the source table, in the order of load_dts.",
        partition_by="load_dts",
        cluster_by=table.primary_key,
    )


def arrow_schema(table: Table) -> pa.Schema:
    """The Parquet columns of a raw table: those of the source, then the plumbing."""
    source = [(column.name, column_type(column.type).arrow) for column in table.loaded_columns]
    plumbing = [(field.name, kind) for field, kind in zip(_PLUMBING, _PLUMBING_TYPES, strict=True)]
    return pa.schema(source + plumbing)


def plumbing_names() -> list[str]:
    """The columns that the platform adds: one or two different values in a delivery."""
    return [field.name for field in _PLUMBING]


def key_schema(table: Table) -> pa.Schema:
    """The key columns alone."""
    return pa.schema([(name, column_type(table.column(name).type).arrow) for name in table.primary_key])


def fingerprint(layouts: list[TableLayout]) -> str:
    """A short digest of the layouts: equal when there is nothing new to create."""
    text = repr([(layout.table_id, [field.to_api_repr() for field in layout.schema]) for layout in layouts])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _field(column: Column, kind: ColumnType, tag: str | None) -> SchemaField:
    more: dict[str, Any] = (
        {} if kind.precision is None else {"precision": kind.precision, "scale": kind.scale}
    )
    if tag is not None and column.is_personal:
        more["policy_tags"] = PolicyTagList([tag])
    return SchemaField(column.name, kind.bigquery, description=column.description, **more)
