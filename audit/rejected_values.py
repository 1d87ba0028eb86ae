"""List current values of the source that BigQuery cannot hold. They are null in raw."""

from dataclasses import dataclass

from google.cloud import bigquery

from config.settings import Settings
from metadata import naming
from metadata.spec import Catalog, Table
from warehouse.ledger.tables import completed_batches_query, table_name
from warehouse.queries import PLAIN_NUMERIC, query
from warehouse.type_mappings import column_type


@dataclass(frozen=True)
class RejectedValues:
    """The rejected values of a column with the same reason. `since_batch`: batch of the oldest one."""

    table: str
    column: str
    reason: str
    values: int
    since_batch: int


def current_rejected_values(
    client: bigquery.Client, settings: Settings, catalog: Catalog
) -> tuple[RejectedValues, ...]:
    """Return the rejected values whose row was not loaded again since (neither corrected nor deleted).

    Runs one small query, and a second one only if a value was ever rejected. Raises MissingInWarehouseError
    if there is no ledger.
    """
    rejected = table_name(settings, "rejected_values")
    found = query(
        client,
        f"""
        select table_name
        from {rejected}
        where batch_id in ({completed_batches_query(settings)})
        group by table_name
        order by table_name
        """,
        timeout_s=settings.query_timeout_s,
    )
    known = {table.qualified: table for table in catalog.tables}
    tables = [known[row["table_name"]] for row in found if row["table_name"] in known]
    if not tables:
        return ()
    rows = query(
        client,
        "\nunion all\n".join(_current_statement(settings, table) for table in tables) + "\norder by 1, 2, 3",
        timeout_s=settings.query_timeout_s,
    )
    return tuple(RejectedValues(**row) for row in rows)


def _current_statement(settings: Settings, table: Table) -> str:
    """Select the rejected values of a table whose row has no newer record in raw."""
    raw = f"`{settings.project}.{settings.dataset('raw')}.{table.raw_name}`"
    key = ", ".join(f"`{name}`" for name in table.primary_key)
    same_key = " and ".join(f"newest.`{name}` = {_key_part(table, name)}" for name in table.primary_key)
    return f"""(
        select
            '{table.qualified}' as `table`,
            rejected.column_name as `column`,
            rejected.reason,
            count(*) as `values`,
            min(rejected.batch_id) as since_batch
        from {table_name(settings, "rejected_values")} as rejected
        inner join (
            select {key}, max({naming.BATCH_ID}) as batch_id
            from {raw}
            where {naming.BATCH_ID} in ({completed_batches_query(settings)})
            group by {key}
        ) as newest on newest.batch_id = rejected.batch_id and {same_key}
        where rejected.table_name = '{table.qualified}'
        group by rejected.column_name, rejected.reason
    )"""


def _key_part(table: Table, name: str) -> str:
    """Extract a part of the key from its JSON, with the type that it has in raw."""
    text = f"json_value(rejected.key, '$.{name}')"
    kind = column_type(table.column(name).type).bigquery
    if kind == "BYTES":
        return f"from_hex({text})"
    return f"safe_cast({text} as {PLAIN_NUMERIC if kind == 'NUMERIC' else kind})"
