"""Check whether the warehouse contains a completed batch."""

from google.cloud import bigquery

from config.errors import MissingInWarehouseError, PermanentError
from config.settings import Settings
from warehouse.client import connect
from warehouse.ledger.tables import COMPLETED, table_name
from warehouse.queries import query


def holds_batches(client: bigquery.Client, settings: Settings) -> bool:
    """Return whether the warehouse contains a completed batch. Raises WwiError if it does not respond."""
    try:
        rows = query(
            client,
            f"select 1 as found from {table_name(settings, 'batches')} where status = '{COMPLETED}' limit 1",
            timeout_s=settings.query_timeout_s,
        )
    except MissingInWarehouseError:
        return False
    return bool(rows)


def require_batches(settings: Settings) -> None:
    """Raise PermanentError unless the warehouse contains a completed batch."""
    if not holds_batches(connect(settings, "status"), settings):
        raise PermanentError("nothing is loaded yet: the warehouse has no completed batch. Run `wwi run`.")
