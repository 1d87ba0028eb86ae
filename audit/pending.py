"""Count the rows of pending batches."""

from google.cloud import bigquery

from config.settings import Settings
from warehouse.ledger.tables import completed_batches_query, table_name
from warehouse.queries import query


def pending_rows(client: bigquery.Client, settings: Settings) -> int:
    """Return the number of rows in completed batches that the vault has not loaded yet.

    A pending batch without rows counts zero: a build would change nothing. Raises MissingInWarehouseError
    if there is no ledger.
    """
    rows = query(
        client,
        f"""
        select coalesce(sum(rows_loaded), 0) as n
        from {table_name(settings, "table_loads")}
        where batch_id in ({completed_batches_query(settings)})
            and batch_id not in (select batch_id from {table_name(settings, "vault_loads")})
        """,
        timeout_s=settings.query_timeout_s,
    )
    return int(rows[0]["n"])
