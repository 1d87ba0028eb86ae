"""Record a reconciliation in the ledger."""

from collections.abc import Sequence
from datetime import UTC, date
from decimal import Decimal

from google.cloud import bigquery

from audit.layers import SHOWN_DAYS, TOTAL
from audit.reconciliation import Reconciliation
from config.settings import Settings
from warehouse.queries import execute
from warehouse.tables import TableLayout, ensure_table

ROWS_A_STATEMENT = 2000


def _total(name: str, description: str) -> bigquery.SchemaField:
    return bigquery.SchemaField(name, "NUMERIC", precision=38, scale=9, description=description)


_WHAT = (
    bigquery.SchemaField("reconciled_at", "TIMESTAMP", description="When the layers were compared (UTC)."),
    bigquery.SchemaField("batch_id", "INT64", description="Batch whose source totals were compared."),
    bigquery.SchemaField("table_name", "STRING", description="Source table."),
    bigquery.SchemaField("control", "STRING", description="rows, or the name of a control total."),
    bigquery.SchemaField("layer", "STRING", description="raw, vault, or the name of a mart."),
)


TOTALS_DESCRIPTION = "One row per total, layer and comparison: does the layer hold what the source held?"


RECONCILIATIONS = (
    *_WHAT,
    _total("source_value", "Total in the source."),
    _total("layer_value", "Total in the layer."),
    bigquery.SchemaField("is_equal", "BOOL", description="Whether total and days are the same numbers."),
    bigquery.SchemaField("days", "INT64", description="Days compared; null where there is a total only."),
    bigquery.SchemaField("days_different", "INT64", description="Days that differ, see reconciled_days."),
)


DAYS_DESCRIPTION = f"One row per day that differed, the first {SHOWN_DAYS} of each total and comparison."


RECONCILED_DAYS = (
    *_WHAT,
    bigquery.SchemaField("day", "DATE", description="Business day; null for rows of no day."),
    _total("source_value", "Total of the day in the source."),
    _total("layer_value", "Total of the day in the layer."),
)


def record(client: bigquery.Client, settings: Settings, result: Reconciliation) -> None:
    """Append the comparisons and the days that differ to the ledger."""
    if not result.comparisons:
        return
    stamp = f"timestamp '{result.reconciled_at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00:00'"
    totals = [
        f"({stamp}, {each.batch_id}, '{each.table}', '{each.control}', '{each.layer}', "
        f"{_sql(each.source)}, {_sql(each.value)}, {str(each.is_equal).lower()}, "
        f"{'null' if each.days is None else each.days}, {each.days_different})"
        for each in result.comparisons
    ]
    days = [
        f"({stamp}, {each.batch_id}, '{each.table}', '{each.control}', '{each.layer}', "
        f"{_date(day.day)}, {_sql(day.source)}, {_sql(day.value)})"
        for each in result.comparisons
        for day in each.first_days
    ]
    _append(client, settings, "reconciliations", RECONCILIATIONS, TOTALS_DESCRIPTION, totals)
    _append(client, settings, "reconciled_days", RECONCILED_DAYS, DAYS_DESCRIPTION, days)


def _append(  # noqa: PLR0913, PLR0917 - a table and its rows
    client: bigquery.Client,
    settings: Settings,
    name: str,
    schema: tuple[bigquery.SchemaField, ...],
    description: str,
    rows: Sequence[str],
) -> None:
    """Create the table if it is missing, and insert the rows in statements of at most one megabyte."""
    table_id = f"{settings.project}.{settings.dataset('audit')}.{name}"
    ensure_table(client, TableLayout(table_id, schema, description=description, partition_by="reconciled_at"))
    columns = ", ".join(field.name for field in schema)
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        values = ",\n".join(rows[start : start + ROWS_A_STATEMENT])
        sql = f"insert into `{table_id}` ({columns}) values\n{values}"
        execute(client, sql, timeout_s=settings.query_timeout_s)


def _sql(value: Decimal) -> str:
    return f"cast('{value}' as {TOTAL})"


def _date(day: date | None) -> str:
    return f"date '{day}'" if day else "null"
