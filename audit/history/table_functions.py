"""Table functions for those who ask in SQL: `select * from wwi_marts.fct_sale_asof(timestamp '2026-05-31')`.

The body is what `wwi asof` sends, with the parameter in the place of the time. BigQuery runs it with the
rights of the one who calls it, policy tags of personal columns included. The ledger keeps the hash of each
statement: a model that has changed since makes another, so its function is known to be out of date.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

from google.cloud import bigquery

from audit.history.as_of import Models, as_of
from config.errors import MissingInWarehouseError
from config.settings import Settings
from metadata.marts import Mart
from warehouse.ledger.tables import insert, layout, table_name
from warehouse.queries import execute, query
from warehouse.tables import ensure_table

PARAMETER = "as_of"
TABLE = "table_functions"


def name(mart: str) -> str:
    """`fct_sale_asof`."""
    return f"{mart}_asof"


def statement(settings: Settings, models: Models, mart: Mart) -> str:
    """The statement that makes the mart's function, or replaces it."""
    body = as_of(settings, models, mart.name, PARAMETER, columns=mart.column_names)
    function = f"`{settings.project}`.`{settings.dataset('marts')}`.`{name(mart.name)}`"
    return f"create or replace table function {function}({PARAMETER} timestamp) as (\n{body}\n)"


def make(
    client: bigquery.Client, settings: Settings, models: Models, marts: Iterable[Mart]
) -> tuple[str, ...]:
    """Make the functions of these marts, or replace them; return their names. Errors as `execute`."""
    made = []
    for mart in marts:
        sql = statement(settings, models, mart)
        execute(client, sql, timeout_s=settings.query_timeout_s)
        made.append({"name": name(mart.name), "statement_hash": _hash(sql), "made_at": datetime.now(UTC)})
    ensure_table(client, layout(settings, TABLE))
    execute(client, insert(settings, TABLE, made), timeout_s=settings.query_timeout_s)
    return tuple(str(row["name"]) for row in made)


def known(client: bigquery.Client, settings: Settings) -> dict[str, str]:
    """{function: hash of the statement that made it last}; none where none was ever made."""
    sql = f"""
        select name, statement_hash
        from {table_name(settings, TABLE)}
        where true
        qualify row_number() over (partition by name order by made_at desc) = 1
    """
    try:
        rows = query(client, sql, timeout_s=settings.query_timeout_s)
    except MissingInWarehouseError:
        return {}
    return {row["name"]: row["statement_hash"] for row in rows}


def is_outdated(settings: Settings, models: Models, mart: Mart, functions: dict[str, str]) -> bool:
    """Tell whether another statement than that of today made the function; not if none ever did."""
    made_by = functions.get(name(mart.name))
    return made_by is not None and made_by != _hash(statement(settings, models, mart))


def _hash(sql: str) -> str:
    return hashlib.sha256(sql.encode()).hexdigest()
