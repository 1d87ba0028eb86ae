"""Create datasets and tables in the warehouse, and add columns and labels to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.api_core import exceptions as google_errors
from google.cloud import bigquery

from config.errors import PermanentError
from config.settings import Layer, Settings
from warehouse.errors import translated
from warehouse.queries import NO_RETRY, READ_RETRY, execute


def ensure_dataset(client: bigquery.Client, settings: Settings, layer: Layer, description: str = "") -> None:
    """Create the dataset of the layer unless it exists.

    It is looked up first: in a project made by `wwi bigquery setup` the accounts may not create datasets.
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
    """Return the value of a label of the table; None when the label or the table does not exist."""
    with translated(f"table {table_id}"):
        try:
            table = client.get_table(table_id, timeout=30, retry=READ_RETRY)
        except google_errors.NotFound:
            return None
    value: str | None = table.labels.get(label)
    return value


@dataclass(frozen=True)
class Partitioning:
    """The partitioning column. `step`: size of an integer range partition; None for daily partitions."""

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
    """Set these labels of the table; its other labels are kept."""
    with translated(f"table {table_id}"):
        table = client.get_table(table_id, timeout=30, retry=READ_RETRY)
        table.labels = {**table.labels, **labels}
        client.update_table(table, ["labels"], timeout=30, retry=NO_RETRY)


@dataclass(frozen=True)
class TableLayout:
    """The layout of a table. `partition_by` names a TIMESTAMP column: one partition per day."""

    table_id: str
    schema: tuple[bigquery.SchemaField, ...]
    description: str = ""
    partition_by: str | None = None
    cluster_by: tuple[str, ...] = ()


def ensure_table(client: bigquery.Client, layout: TableLayout) -> None:
    """Create the table, or add its missing columns (nullable, at the end). Other columns never change."""
    table = bigquery.Table(layout.table_id, schema=list(layout.schema))
    table.description = layout.description
    if layout.partition_by:
        table.time_partitioning = bigquery.TimePartitioning(field=layout.partition_by)
    if layout.cluster_by:
        table.clustering_fields = list(layout.cluster_by[:4])  # BigQuery allows four at most
    with translated(f"table {layout.table_id}"):
        live = client.create_table(table, exists_ok=True, timeout=60, retry=READ_RETRY)
    known = {field.name: field for field in live.schema}
    for field in layout.schema:
        if field.name in known and _kind(field) != _kind(known[field.name]):
            raise PermanentError(
                f"table {layout.table_id}: column {field.name} is {known[field.name].field_type} in the "
                f"warehouse and {field.field_type} in this version. The type of a column cannot change: "
                "rename the column."
            )
    new = [field for field in layout.schema if field.name not in known]
    if new:
        _add_columns(client, layout.table_id, new)


def _kind(field: bigquery.SchemaField) -> object:
    """Return the standard type of a column: BigQuery returns INTEGER for a column created as INT64."""
    kind = field.to_standard_sql().type
    return kind.type_kind if kind else field.field_type


def _add_columns(client: bigquery.Client, table_id: str, fields: Sequence[bigquery.SchemaField]) -> None:
    """Add nullable columns at the end.

    BigQuery takes name and type from the statement, description and policy tag from the API call. The
    emulator adds columns only by the statement and lists them only after the call, so it needs both.
    """
    # engine: new-columns
    for field in fields:
        column = f"`{field.name}` {_ddl_type(field)}"
        execute(client, f"alter table `{table_id}` add column if not exists {column}")
    with translated(f"table {table_id}"):
        live = client.get_table(table_id, timeout=30, retry=READ_RETRY)
        listed = {field.name for field in live.schema}
        added = {field.name: field for field in fields}
        live.schema = [
            *(added.get(field.name, field) for field in live.schema),
            *(field for field in fields if field.name not in listed),
        ]
        client.update_table(live, ["schema"], timeout=60, retry=NO_RETRY)


def _ddl_type(field: bigquery.SchemaField) -> str:
    digits = f"({field.precision}, {field.scale})" if field.precision is not None else ""
    return f"{field.field_type}{digits}"
