"""What lies in raw and no build has taken up yet."""

from google.cloud import bigquery

from config.settings import Settings
from warehouse.ledger.tables import completed_batches_query, table_name
from warehouse.queries import query


def rows_waiting(client: bigquery.Client, settings: Settings) -> int:
    """Return the rows of completed batches that the vault does not hold.

    Batches that brought nothing do not count: a build would change nothing. Raises MissingInWarehouseError
    when there is no ledger.
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
