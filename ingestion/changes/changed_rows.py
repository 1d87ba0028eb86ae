"""Count how many of the rows that were read again differ from what raw held before.

Rows that are read because their transaction is new have changed, as far as the source says. A full read
also brings rows that did not change. The warehouse compares them, so that the report can tell how many did.
"""

from google.cloud.bigquery import Client

from config.settings import Settings
from ingestion.changes.xid import CHANGED_ROWS
from ingestion.staged_files import Manifest, TableSpool
from metadata.spec import Catalog
from warehouse.ledger.hash_chain import raw_table
from warehouse.ledger.tables import completed
from warehouse.queries import query, timestamp_literal

TABLES_A_STATEMENT = 10


def with_changed_rows(client: Client, settings: Settings, catalog: Catalog, manifest: Manifest) -> Manifest:
    """Return the manifest with `rows_changed` of each table that was read again; raw holds its rows."""
    again = [table for table in manifest.tables if _is_read_again(table)]
    changed: dict[str, int] = {}
    for start in range(0, len(again), TABLES_A_STATEMENT):
        statements = [
            _statement(settings, manifest, table, catalog.table(table.table).primary_key)
            for table in again[start : start + TABLES_A_STATEMENT]
        ]
        rows = query(client, "\nunion all\n".join(statements), timeout_s=settings.load_timeout_s)
        changed |= {row["table_name"]: int(row["changed"]) for row in rows}
    tables = tuple(
        table.model_copy(update={"rows_changed": changed.get(table.table)}) for table in manifest.tables
    )
    return manifest.model_copy(update={"tables": tables})


def _is_read_again(table: TableSpool) -> bool:
    return table.previous_load_dts is not None and table.rows_upserted > 0 and table.reason != CHANGED_ROWS


def _statement(settings: Settings, manifest: Manifest, table: TableSpool, key: tuple[str, ...]) -> str:
    """table_name, changed: the rows of this batch that are new or differ from the newest before it."""
    keys = ", ".join(f"`{name}`" for name in key)
    columns = ", ".join(f"`{name}`" for name in sorted({*table.columns, *key}))
    hashed = "to_hex(sha256(to_json_string(one_row))) as content"
    selected = ", ".join(f"one_row.`{name}`" for name in key)
    joined = " and ".join(f"brought.`{name}` = before.`{name}`" for name in key)
    load_dts = timestamp_literal(manifest.load_dts)
    raw = raw_table(settings, table.table)
    return f"""select '{table.table}' as table_name, count(*) as changed
from (
    select {selected}, {hashed}
    from (
        select {columns}
        from {raw}
        where batch_id = {manifest.batch_id} and load_dts = {load_dts} and change_type = 'upsert'
    ) as one_row
) as brought
left join (
    select {selected}, {hashed}
    from (
        select {columns}
        from (
            select {columns}, change_type
            from {raw}
            where load_dts < {load_dts} and batch_id in ({completed(settings)})
            qualify row_number() over (partition by {keys} order by load_dts desc) = 1
        )
        where change_type = 'upsert'
    ) as one_row
) as before
    on {joined}
where before.content is null or before.content != brought.content"""
