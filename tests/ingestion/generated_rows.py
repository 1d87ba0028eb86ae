"""Generate rows for any source table: every column gets values of its type, keys count up."""

import psycopg
from psycopg import sql

from metadata.spec import Column, Table

# i is the row number; the values differ between rows
_VALUES = {
    "smallint": "i %% 30000",
    "integer": "i",
    "bigint": "i * 100000",
    "boolean": "i %% 2 = 0",
    "date": "date '2013-01-01' + i %% 1000",
    "timestamp": "timestamp '2013-01-01 07:00:00' + i * interval '1 second'",
    "timestamptz": "timestamptz '2013-01-01 07:00:00+00' + i * interval '1 second'",
    "bytea": "decode(md5(i::text), 'hex')",
    "real": "i / 8.0",
    "double precision": "i / 8.0",
}


def fill(connection: psycopg.Connection, table: Table, rows: int, first: int = 1) -> None:
    """Insert `rows` rows with the keys first, first + 1, ...; nullable columns are null in every fifth."""
    values = sql.SQL(", ").join(
        _value(column, optional=column.nullable and column.name not in table.primary_key)
        for column in table.columns
    )
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    statement = sql.SQL("insert into {} ({}) select {} from generate_series(%s::int, %s::int) as i")
    name = sql.Identifier(table.schema_name, table.name)
    connection.execute(statement.format(name, columns, values), [first, first + rows - 1])


def _value(column: Column, *, optional: bool) -> sql.Composable:
    base, _, arguments = column.type.rstrip(")").partition("(")
    if base == "numeric":
        value = f"((i %% 10000) * 1.37)::{column.type}"
    elif base in {"varchar", "char", "text"}:
        value = f"left('{column.name} ' || i, {arguments or 100})"
    else:
        value = _VALUES[base]
    return sql.SQL(f"case when i %% 5 = 0 then null else {value} end" if optional else value)


def rewrite(connection: psycopg.Connection, table: Table, key: int, version: int, *, gone: bool) -> None:
    """Delete the row of `fill` with this key and, unless `gone`, insert another version of it.

    The key columns stay the same; the others differ between versions.
    """
    name = sql.Identifier(table.schema_name, table.name)
    keys = {name: _value(table.column(name), optional=False) for name in table.primary_key}
    matches = sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(sql.Identifier(column), value) for column, value in keys.items()
    )
    which = sql.SQL("(select %s::int as i) as numbered")
    connection.execute(sql.SQL("delete from {} using {} where {}").format(name, which, matches), [key])
    if gone:
        return
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    values = sql.SQL(", ").join(
        sql.SQL("key.{}").format(sql.Identifier(column.name))
        if column.name in keys
        else _value(column, optional=column.nullable)
        for column in table.columns
    )
    keyed = sql.SQL(", ").join(
        sql.SQL("{} as {}").format(value, sql.Identifier(column)) for column, value in keys.items()
    )
    statement = (
        "insert into {} ({}) select {} from (select {} from {}) as key, (select %s::int as i) as numbered"
    )
    connection.execute(sql.SQL(statement).format(name, columns, values, keyed, which), [key, version])
