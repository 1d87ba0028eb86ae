"""Count how many of the rows that were read again differ from raw.

Rows that are read because a new transaction wrote them count as changed. A full read also returns unchanged
rows. The warehouse compares them with raw, so that the report shows how many changed.
"""

from google.cloud.bigquery import Client

from config.settings import Settings
from ingestion.changes.xid import CHANGED_ROWS
from ingestion.staged_files import Manifest, StagedTable
from metadata.spec import Catalog
from warehouse.ledger.hash_chain import raw_table
from warehouse.ledger.tables import completed_batches_query
from warehouse.queries import query, timestamp_literal

TABLES_A_STATEMENT = 10


def with_changed_rows(client: Client, settings: Settings, catalog: Catalog, manifest: Manifest) -> Manifest:
    """Return the manifest with `rows_changed` of each table that was read again. Its rows must be in raw."""
    reread = [table for table in manifest.tables if _was_reread(table)]
    changed: dict[str, int] = {}
    for start in range(0, len(reread), TABLES_A_STATEMENT):
        statements = [
            _statement(settings, manifest, table, catalog.table(table.table).primary_key)
            for table in reread[start : start + TABLES_A_STATEMENT]
        ]
        rows = query(client, "\nunion all\n".join(statements), timeout_s=settings.load_timeout_s)
        changed |= {row["table_name"]: int(row["changed"]) for row in rows}
    tables = tuple(
        table.model_copy(update={"rows_changed": changed.get(table.table)}) for table in manifest.tables
    )
    return manifest.model_copy(update={"tables": tables})


def _was_reread(table: StagedTable) -> bool:
    return table.previous_load_dts is not None and table.rows_upserted > 0 and table.reason != CHANGED_ROWS


def _statement(settings: Settings, manifest: Manifest, table: StagedTable, key: tuple[str, ...]) -> str:
    """Select table_name and changed: the rows of this batch that are new or differ from their predecessor."""
    keys = ", ".join(f"`{name}`" for name in key)
    columns = ", ".join(f"`{name}`" for name in sorted({*table.columns, *key}))
    hashed = "to_hex(sha256(to_json_string(one_row))) as content"
    selected = ", ".join(f"one_row.`{name}`" for name in key)
    joined = " and ".join(f"loaded.`{name}` = previous.`{name}`" for name in key)
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
) as loaded
left join (
    select {selected}, {hashed}
    from (
        select {columns}
        from (
            select {columns}, change_type
            from {raw}
            where load_dts < {load_dts} and batch_id in ({completed_batches_query(settings)})
            qualify row_number() over (partition by {keys} order by load_dts desc) = 1
        )
        where change_type = 'upsert'
    ) as one_row
) as previous
    on {joined}
where previous.content is null or previous.content != loaded.content"""
