"""The tables of the ledger: their columns, and the statements that name and fill them."""

import json
import re
from collections.abc import Sequence
from typing import Any

from google.cloud.bigquery import PolicyTagList, SchemaField

from config.settings import Settings
from metadata.ledger import LedgerColumn, ledger_tables
from warehouse.queries import PLAIN_NUMERIC
from warehouse.tables import TableLayout

DESCRIPTION = "The ledger: batches, builds, control totals and hashes."


EXTRACTING, LOADING, COMPLETED, VOID = "extracting", "loading", "completed", "void"


Row = dict[str, Any]


# a type with the digits of a decimal number: NUMERIC(38, 9)
DIGITS = re.compile(r"^(?P<name>\w+)\((?P<precision>\d+), (?P<scale>\d+)\)$")


def layouts(settings: Settings) -> list[TableLayout]:
    """Return the tables of the ledger."""
    return [layout(settings, name) for name in ledger_tables()]


def layout(settings: Settings, name: str) -> TableLayout:
    """Return one table of the ledger."""
    table = ledger_tables()[name]
    return TableLayout(
        table_id=f"{settings.project}.{settings.dataset('audit')}.{name}",
        schema=tuple(_field(settings, column, each) for column, each in table.columns.items()),
        description=table.description,
        partition_by=table.partition_by,
        cluster_by=table.cluster_by,
    )


def _field(settings: Settings, name: str, column: LedgerColumn) -> SchemaField:
    kind, more = column.type, dict[str, Any](description=column.description)
    if digits := DIGITS.match(kind):
        kind = digits["name"]
        more |= {"precision": int(digits["precision"]), "scale": int(digits["scale"])}
    if settings.policy_tag and column.personal:
        more["policy_tags"] = PolicyTagList([settings.policy_tag])
    return SchemaField(name, kind, **more)


def insert(settings: Settings, name: str, rows: Sequence[Row]) -> str:
    """Return one statement that inserts rows into a ledger table.

    Missing columns become null; keys that are not columns are ignored. The rows are passed as one JSON text
    and cast to the column types: scripts take no parameters on the emulator, and it parses many literals
    slowly.
    """
    columns = dict(columns_of(name))  # engine: parameters
    casts = ", ".join(
        f"cast(json_value(line, '$.{column}') as {_CAST_TYPES.get(kind, kind)})"
        for column, kind in columns.items()
    )
    known = [{column: row[column] for column in columns if column in row} for row in rows]
    lines = string_literal(json.dumps(known, default=str, ensure_ascii=False))
    return (
        f"insert into {table_name(settings, name)} ({', '.join(columns)})\n"
        f"select {casts} from unnest(json_query_array({lines})) as line"
    )


def string_literal(text: str) -> str:
    """Return a text as a GoogleSQL string literal."""
    escapes: dict[str, str | int | None] = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r"}
    return "'" + text.translate(str.maketrans(escapes)) + "'"


def columns_of(table: str) -> list[tuple[str, str]]:
    """Return name and type of each column of a table of the ledger."""
    return [(name, column.type) for name, column in ledger_tables()[table].columns.items()]


def table_name(settings: Settings, table: str) -> str:
    """Return the full quoted name of a ledger table."""
    return f"`{settings.project}`.`{settings.dataset('audit')}`.`{table}`"


def completed_batches_query(settings: Settings) -> str:
    """Return a query of the ids of completed batches; rows of other batches are in no layer."""
    return f"select batch_id from {table_name(settings, 'batches')} where status = '{COMPLETED}'"


_CAST_TYPES = {"NUMERIC": PLAIN_NUMERIC}
