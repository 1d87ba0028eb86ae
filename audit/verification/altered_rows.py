"""Find rows of raw that were altered after their batch was loaded, by comparing raw with the vault."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from google.cloud.bigquery import Client

from audit.delivery import table_from_vault
from audit.verification.ledger_state import Finding, LedgerState, raw_deliveries
from config.settings import Settings
from metadata import naming
from metadata.spec import Catalog, Table
from warehouse.ledger import hash_chain
from warehouse.queries import query
from warehouse.raw_tables import system_column_names

SHOWN_ROWS = 5


def unexpected_columns(client: Client, settings: Settings, state: LedgerState) -> Iterator[Finding]:
    """Yield rows with a value in a column that their batch did not load: the batch's checksum misses it."""
    listed: dict[str, set[str]] = defaultdict(set)
    for row in query(client, _columns_statement(settings), timeout_s=settings.query_timeout_s):
        listed[row["table_name"]].add(row["column_name"])
    for delivery in raw_deliveries(state):
        known = {*delivery.columns, *system_column_names()}
        raw_name = naming.raw_table(*delivery.table.split(".", 1))
        for name in sorted(listed[raw_name] - known):
            sql = (
                "select batch_id, count(*) as row_count "
                f"from {hash_chain.raw_table(settings, delivery.table)} "
                f"where batch_id in ({', '.join(map(str, delivery.batches))}) and `{name}` is not null "
                "group by batch_id"
            )
            for row in query(client, sql, timeout_s=settings.load_timeout_s):
                text = f"{row['row_count']} rows have a value in column {name}, which this batch did not load"
                yield Finding(text, row["batch_id"], delivery.table)


def _columns_statement(settings: Settings) -> str:
    return (
        "select table_name, column_name\n"
        f"from `{settings.project}`.`{settings.dataset('raw')}`.INFORMATION_SCHEMA.COLUMNS"
    )


def locate_rows(  # noqa: PLR0913, PLR0917 - a table and batch, and their context
    client: Client, settings: Settings, catalog: Catalog, state: LedgerState, table: str, batch_id: int
) -> tuple[str, ...]:
    """Return the keys of a batch's rows that differ from the vault; none if the vault lacks the batch."""
    described = {each.qualified: each for each in catalog.tables}.get(table)
    if described is None or described.vault is None or batch_id not in state.vault_batches:
        return ()
    load_dts = next(batch["load_dts"] for batch in state.batches if batch["batch_id"] == batch_id)
    sql = locate_statement(settings, catalog, described, batch_id, load_dts)
    rows = query(client, sql, timeout_s=settings.load_timeout_s)
    return tuple(f"{row['row_key']}: {row['what']}" for row in rows)


def locate_statement(
    settings: Settings, catalog: Catalog, table: Table, batch_id: int, load_dts: datetime
) -> str:
    """Return the SELECT of a batch's rows in raw that differ from the table in the vault after that batch.

    Columns: row_key (JSON), what. A missing row is not found if the batch had loaded it unchanged: the vault
    does not store repeated rows.
    """
    columns = ", ".join(f"`{column.name}`" for column in table.loaded_columns)
    parts = {
        "now": table_from_vault(catalog, table, settings, as_of=load_dts),
        "earlier": table_from_vault(catalog, table, settings, as_of=load_dts - timedelta(microseconds=1)),
        "delivered": f"select {columns} from {hash_chain.raw_table(settings, table.qualified)} "
        f"where batch_id = {batch_id} and change_type = 'upsert'",
        "deleted": f"select {columns} from {hash_chain.raw_table(settings, table.qualified)} "
        f"where batch_id = {batch_id} and change_type = 'delete'",
    }
    sides = ",\n".join(
        f"{name} as (\n{_texts(sql, columns, table.primary_key)}\n)" for name, sql in parts.items()
    )
    return f"""with
{sides},

wrong as (
    select delivered.row_key, 'changed' as what
    from delivered inner join now on delivered.row_key = now.row_key
    where delivered.row_text != now.row_text
    union all
    select row_key, 'added' from delivered where row_key not in (select row_key from now)
    union all
    select row_key, 'a delete was added' from deleted where row_key in (select row_key from now)
    union all
    select row_key, 'there more than once' from delivered group by row_key having count(*) > 1
    union all
    select now.row_key, 'missing'
    from now left join earlier on now.row_key = earlier.row_key
    where
        (earlier.row_text is null or earlier.row_text != now.row_text)
        and now.row_key not in (select row_key from delivered)
    union all
    select row_key, 'a delete is missing'
    from earlier
    where
        row_key not in (select row_key from now)
        and row_key not in (select row_key from deleted)
)

select row_key, min(what) as what
from wrong
group by row_key
order by row_key
limit {SHOWN_ROWS}"""


def _texts(rows: str, columns: str, key: Collection[str]) -> str:
    """Select the key and the whole row as JSON."""
    listed = ", ".join(f"'\"{name}\":', to_json_string(one_row.`{name}`)" for name in key)
    separated = listed.replace("), '\"", "), ',', '\"")
    return f"""    select concat('{{', {separated}, '}}') as row_key, to_json_string(one_row) as row_text
    from (select {columns} from ({rows})) as one_row"""
