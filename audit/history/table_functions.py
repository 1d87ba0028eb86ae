"""Table functions for as-of queries in SQL: `select * from wwi_marts.fct_sale_asof(timestamp '2026-05-31')`.

The body is the query of `wwi asof` with the time as parameter. BigQuery runs it with the caller's rights,
including policy tags of personal columns. The ledger stores the hash of each statement: when a model
changes, so does the hash, and the function is out of date.
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
    """Return the name of a mart's table function: `fct_sale_asof`."""
    return f"{mart}_asof"


def statement(settings: Settings, models: Models, mart: Mart) -> str:
    """Return the statement that creates or replaces the mart's table function."""
    body = as_of(settings, models, mart.name, PARAMETER, columns=mart.column_names)
    function = f"`{settings.project}`.`{settings.dataset('marts')}`.`{name(mart.name)}`"
    return f"create or replace table function {function}({PARAMETER} timestamp) as (\n{body}\n)"


def create(
    client: bigquery.Client, settings: Settings, models: Models, marts: Iterable[Mart]
) -> tuple[str, ...]:
    """Create or replace the table functions of these marts; return their names. Raises like `execute`."""
    created = []
    for mart in marts:
        sql = statement(settings, models, mart)
        execute(client, sql, timeout_s=settings.query_timeout_s)
        created.append({"name": name(mart.name), "statement_hash": _hash(sql), "made_at": datetime.now(UTC)})
    ensure_table(client, layout(settings, TABLE))
    execute(client, insert(settings, TABLE, created), timeout_s=settings.query_timeout_s)
    return tuple(str(row["name"]) for row in created)


def recorded_hashes(client: bigquery.Client, settings: Settings) -> dict[str, str]:
    """Return {function: hash of its latest statement}; empty if none was ever created."""
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


def is_outdated(settings: Settings, models: Models, mart: Mart, hashes: dict[str, str]) -> bool:
    """Return whether the function exists and its current statement would be different."""
    recorded = hashes.get(name(mart.name))
    return recorded is not None and recorded != _hash(statement(settings, models, mart))


def _hash(sql: str) -> str:
    return hashlib.sha256(sql.encode()).hexdigest()
