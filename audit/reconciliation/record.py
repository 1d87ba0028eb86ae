"""Record a reconciliation in the ledger."""

from collections.abc import Sequence
from datetime import UTC, date
from decimal import Decimal

from google.cloud import bigquery

from audit.reconciliation.comparison import Reconciliation
from audit.reconciliation.layers import TOTAL
from config.settings import Settings
from warehouse.ledger.tables import layout
from warehouse.queries import execute
from warehouse.tables import ensure_table

ROWS_A_STATEMENT = 2000


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
    _append(client, settings, "reconciliations", totals)
    _append(client, settings, "reconciled_days", days)


def _append(client: bigquery.Client, settings: Settings, name: str, rows: Sequence[str]) -> None:
    """Create the table if it is missing, and insert the rows in statements of at most one megabyte."""
    table = layout(settings, name)
    ensure_table(client, table)
    columns = ", ".join(field.name for field in table.schema)
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        values = ",\n".join(rows[start : start + ROWS_A_STATEMENT])
        sql = f"insert into `{table.table_id}` ({columns}) values\n{values}"
        execute(client, sql, timeout_s=settings.query_timeout_s)


def _sql(value: Decimal) -> str:
    return f"cast('{value}' as {TOTAL})"


def _date(day: date | None) -> str:
    return f"date '{day}'" if day else "null"
