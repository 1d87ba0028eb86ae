"""Create the source tables of the Postgres port of Wide World Importers from the metadata catalog.

The port, and so this schema, has:

- 29 tables with their exact column types, and the two sensor tables that only SQL Server has.
- A primary key on every table but `warehouse.stock_item_holdings`.
- The 97 foreign keys, not deferrable. Apart from references within a table there are no cycles, so writing
  tables in the order of `ordered_tables` always works.
- No other NOT NULL, UNIQUE, CHECK or index, and two `default now()`.

There are no sequences. The simulator stores its counters in a table, in the same transaction as the rows: a
sequence is not rolled back with a day, and then the same seed would give other ids.
"""

from collections.abc import Iterator
from graphlib import TopologicalSorter

import psycopg

from metadata.naming import quoted_in_source
from metadata.spec import Catalog, Table


def create_schema(connection: psycopg.Connection, catalog: Catalog) -> None:
    """Create missing schemas and tables of the source; existing tables are not changed."""
    for statement in schema_statements(catalog):
        connection.execute(statement.encode())


def schema_statements(catalog: Catalog) -> Iterator[str]:
    """Yield the DDL of all tables in a valid order; each statement can be repeated."""
    for schema in sorted({table.schema_name for table in catalog.tables}):
        yield f"create schema if not exists {quoted_in_source(schema)}"
    for table in ordered_tables(catalog):
        yield _create_table(table)


def ordered_tables(catalog: Catalog) -> tuple[Table, ...]:
    """Return all tables, each after the tables that it references, otherwise by name."""
    parents = {
        table.qualified: {target.rpartition(".")[0] for target in table.foreign_keys.values()}
        - {table.qualified}
        for table in catalog.tables
    }
    sorter = TopologicalSorter(parents)
    sorter.prepare()
    ordered: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        ordered += ready
        sorter.done(*ready)
    return tuple(catalog.table(name) for name in ordered)


def _create_table(table: Table) -> str:
    parts = [
        f"{quoted_in_source(column.name)} {column.type}"
        + (f" default {column.default}" if column.default else "")
        for column in table.columns
    ]
    if table.declares_primary_key:
        key = ", ".join(map(quoted_in_source, table.primary_key))
        parts.append(f"constraint pk_{table.name} primary key ({key})")
    for column, target in table.foreign_keys.items():
        if column not in table.undeclared_foreign_keys:
            schema, name, key = map(quoted_in_source, target.split("."))
            parts.append(
                f"constraint fk_{table.name}_{column} foreign key ({quoted_in_source(column)}) "
                f"references {schema}.{name} ({key})"
            )
    body = ",\n    ".join(parts)
    return f"create table if not exists {table.in_source} (\n    {body}\n)"
