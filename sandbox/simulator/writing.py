"""Write a day into Postgres in bulk: COPY for new rows, one UPDATE per table from arrays, one DELETE.

Only the final state of a day is written: a row created at 10:00 and changed at 11:00 is copied once. The day
is one transaction, so nobody could see an intermediate state.
"""

from collections import Counter
from collections.abc import Iterable

import numpy as np
import psycopg

from metadata.spec import Table
from sandbox.schema import ordered_tables
from sandbox.simulator.columns import (
    Array,
    Columns,
    parameter_type,
    to_csv,
    to_expression,
    to_parameter,
)
from sandbox.simulator.world import Patch, World


def write_day(connection: psycopg.Connection, world: World) -> Counter[str]:
    """Write the changes in the world's sheets and journal; parents before children, deletes last.

    Returns rows per `<inserted, updated or deleted> <table>`.
    """
    rows: Counter[str] = Counter()
    tables = ordered_tables(world.catalog)
    sheets = {sheet.table.qualified: sheet for sheet in world.sheets()}
    for table in tables:
        parts = [columns for name, columns in world.journal.inserts if name == table.qualified]
        sheet = sheets.get(table.qualified)
        if sheet and len(sheet) > sheet.first_new:
            parts.append(sheet.new_rows())
        if parts:
            rows[f"inserted {table.qualified}"] += copy_rows(connection, table, parts)
    for table in tables:
        if (sheet := sheets.get(table.qualified)) and sheet.touched:
            patches = [Patch(table.qualified, sheet.changed_rows())]
        else:
            patches = []
        patches += [patch for patch in world.journal.patches if patch.table == table.qualified]
        for patch in patches:
            rows[f"updated {table.qualified}"] += update_rows(connection, table, patch)
    for table in reversed(tables):
        keys = [keys for name, keys in world.journal.deletes if name == table.qualified]
        if keys:
            rows[f"deleted {table.qualified}"] += delete_rows(connection, table, np.concatenate(keys))
    return +rows


def copy_rows(connection: psycopg.Connection, table: Table, parts: Iterable[Columns]) -> int:
    """COPY rows, given as one or more sets of all columns, into the table; return their number."""
    rows = 0
    statement = f"copy {table.qualified} ({', '.join(table.column_names)}) from stdin (format csv)"
    with connection.cursor() as cursor:
        with cursor.copy(statement.encode()) as copy:
            for columns in parts:
                copy.write(to_csv(table, columns))
                rows += len(columns[table.primary_key[0]])
        return rows


def update_rows(connection: psycopg.Connection, table: Table, patch: Patch) -> int:
    """Update the rows of one patch in one statement; return the number of updated rows."""
    key = table.primary_key[0]
    if not len(patch.columns[key]):
        return 0
    columns = [table.column(name) for name in patch.columns]
    arrays = ", ".join(f"%s::{parameter_type(column)}[]" for column in columns)
    changes = ", ".join(
        f"{column.name} = {to_expression(column, 'v.' + column.name)}"
        for column in columns
        if column.name != key
    )
    only = f" and {patch.only}" if patch.only else ""
    statement = (
        f"update {table.qualified} t set {changes} "
        f"from unnest({arrays}) as v ({', '.join(patch.columns)}) where t.{key} = v.{key}{only}"
    )
    parameters = [to_parameter(column, patch.columns[column.name]) for column in columns]
    return connection.execute(statement.encode(), parameters).rowcount


def delete_rows(connection: psycopg.Connection, table: Table, keys: Array) -> int:
    """Delete the rows with these keys in one statement; return the number of deleted rows."""
    statement = f"delete from {table.qualified} where {table.primary_key[0]} = any(%s)"
    return connection.execute(statement.encode(), [keys.tolist()]).rowcount
