"""Collect a person's values, and find them in raw.

The values stay in the warehouse, in a ledger table that is empty except during an erasure. No statement
contains a value, because BigQuery keeps the text of statements for half a year.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from google.cloud.bigquery import Client

from config.settings import Settings
from metadata import naming
from metadata.errors import WwiError
from metadata.mappings import HubMapping
from metadata.spec import Catalog, Column, Table
from warehouse.ledger.erasures import ERASED
from warehouse.ledger.hash_chain import raw_table
from warehouse.ledger.tables import completed_batches_query, table_name
from warehouse.queries import execute, query
from warehouse.type_mappings import column_type

VALUES = "erasing"
SHORTEST = 5


@dataclass(frozen=True)
class Occurrence:
    """Rows of a raw table with a value of the person. `newest`: keys whose newest row still contains it.

    `is_own`: it is the person's own row; in other tables the value is part of a text.
    """

    table: str
    column: str
    rows: int
    newest: tuple[int, ...]
    is_own: bool


def person_table(catalog: Catalog) -> Table:
    """Return the source table of persons."""
    return next(
        table
        for table in catalog.tables
        if isinstance(table.vault, HubMapping) and table.vault.hub == "person" and not table.vault.aspect
    )


def personal_text_columns(table: Table) -> list[Column]:
    """Return the personal columns that are loaded as text."""
    return [column for column in table.loaded_columns if column.is_personal and _is_text(column)]


def text_columns(table: Table) -> list[Column]:
    """Return all columns that are loaded as text: a name may be in any of them."""
    return [
        column for column in table.loaded_columns if _is_text(column) and column.name not in table.primary_key
    ]


def _is_text(column: Column) -> bool:
    return column_type(column.type).bigquery == "STRING"


@dataclass
class Values:
    """The number of stored texts. `keep`: do not delete them, because the erasure has started to write."""

    count: int
    keep: bool = False


@contextmanager
def collected_values(client: Client, settings: Settings, table: Table, key: int) -> Iterator[Values]:
    """Store the texts that identify the person, until the context ends or longer if `keep` is set.

    Texts that do not identify anybody are erased only in the person's own row, not searched for: texts that
    another person also has (such as a shared phone number), texts shorter than 5 characters, and single words
    (such as a first name that is also a city). Texts stored by an interrupted erasure are used again. Raises
    WwiError if raw has no such person, or if another person's erasure was interrupted.
    """
    column_key = naming.quoted(*table.primary_key)
    raw, kept = raw_table(settings, table.qualified), table_name(settings, VALUES)
    (count,) = query(
        client,
        f"select count(*) as n from {raw} where {column_key} = {key}",
        timeout_s=settings.query_timeout_s,
    )
    if not count["n"]:
        raise WwiError(f"cannot erase: {table.qualified} never had a row with {column_key} {key}.")
    interrupted = _interrupted_person(client, settings)
    if interrupted not in {None, key}:
        raise WwiError(
            f"the erasure of person {interrupted} was interrupted. Run it again until it completes, then "
            "run this one."
        )
    _keep(client, settings, table, key)
    (row,) = query(client, f"select count(*) as n from {kept}", timeout_s=settings.query_timeout_s)
    values = Values(int(row["n"]))
    try:
        yield values
    finally:
        if not values.keep:
            execute(client, f"delete from {kept} where true", timeout_s=settings.query_timeout_s)


def _interrupted_person(client: Client, settings: Settings) -> int | None:
    """Return the person whose erasure was interrupted, if any."""
    kept = table_name(settings, VALUES)
    rows = query(client, f"select max(entity_key) as k from {kept}", timeout_s=settings.query_timeout_s)
    return None if rows[0]["k"] is None else int(rows[0]["k"])


def _keep(client: Client, settings: Settings, table: Table, key: int) -> None:
    column_key = naming.quoted(*table.primary_key)
    raw, kept = raw_table(settings, table.qualified), table_name(settings, VALUES)
    columns = personal_text_columns(table)
    own = "\n        union distinct\n        ".join(
        f"select {naming.quoted(column.name)} as value from {raw} where {column_key} = {key}"
        for column in columns
    )
    others = "\n        union distinct\n        ".join(
        f"select {naming.quoted(column.name)} as value from {raw} where {column_key} != {key}"
        for column in columns
    )
    execute(
        client,
        f"""insert into {kept} (entity_key, position, value)
    select
        {key},
        (select count(*) from {kept}) + row_number() over (order by length(value) desc, value) as position,
        value
    from (
        {own}
    )
    where
        length(value) >= {SHORTEST}
        and value != '{ERASED}'
        and regexp_contains(value, r'[^\\pL]')
        and value not in (
            select value from (
                {others}
            ) where value is not null
        )
        and value not in (select value from {kept})""",
        timeout_s=settings.load_timeout_s,
    )


def find_in_raw(
    client: Client, settings: Settings, catalog: Catalog, key: int, values: int
) -> tuple[Occurrence, ...]:
    """Return where raw contains values of the person. Call within `collected_values`."""
    own = person_table(catalog)
    selects = [_own(settings, own, column, key) for column in own.loaded_columns if column.is_personal] + [
        _others(settings, table, column, values)
        for table in catalog.tables
        for column in text_columns(table)
        if table != own
    ]
    rows = query(client, "\nunion all\n".join(selects), timeout_s=settings.load_timeout_s)
    return tuple(
        Occurrence(
            row["table_name"],
            row["column_name"],
            int(row["n"]),
            tuple(sorted(int(each) for each in (row["newest"] or "").split(",") if each)),
            row["table_name"] == own.qualified,
        )
        for row in rows
        if row["n"]
    )


def is_not_erased(column: Column) -> str:
    """Return the condition that a column of the person's own row still has a value."""
    name = naming.quoted(column.name)
    if _is_text(column):
        return f"({name} is not null and {name} not in ('', '{ERASED}'))"
    return f"{name} is not null"


def contains_value(settings: Settings, text: str, values: int) -> str:
    """Return the condition that a text contains one of the person's values. `values`: their number.

    The plain search comes first: a pattern that is not a literal is compiled again for every row.
    """
    kept = table_name(settings, VALUES)
    plain = " or ".join(
        f"strpos({text}, (select value from {kept} where position = {position})) > 0"
        for position in range(1, values + 1)
    )
    return f"if({plain or 'false'}, regexp_contains({text}, {_pattern(settings)}), false)"


def without_values(settings: Settings, text: str) -> str:
    """Return the SQL expression of a text with the values replaced by `[erased]`."""
    return f"regexp_replace({text}, {_pattern(settings)}, r'\\1{ERASED}\\3')"


def _pattern(settings: Settings) -> str:
    """Return the SQL of one regular expression that matches all values as whole words; null without values.

    The subquery is uncorrelated, so it is evaluated once and BigQuery accepts it anywhere.
    """
    escaped = r"regexp_replace(value, r'([\\.+*?()|\[\]{}^$])', r'\\\1')"
    return (
        r"(select concat(r'(^|[^\pL\pN])(', "
        f"string_agg({escaped}, '|' order by length(value) desc, value), "
        r"r')($|[^\pL\pN])')"
        f" from {table_name(settings, VALUES)})"
    )


def _own(settings: Settings, table: Table, column: Column, key: int) -> str:
    column_key = naming.quoted(*table.primary_key)
    return _counted(settings, table, column.name, f"{column_key} = {key}", is_not_erased(column))


def _others(settings: Settings, table: Table, column: Column, values: int) -> str:
    return _counted(
        settings, table, column.name, "true", contains_value(settings, naming.quoted(column.name), values)
    )


def _counted(settings: Settings, table: Table, column: str, chosen: str, condition: str) -> str:
    """Count the rows of a raw table that meet the condition, and list the keys whose newest row does.

    Rows of void batches count, too.
    """
    key = naming.quoted(table.primary_key[0])
    whole_key = ", ".join(map(naming.quoted, table.primary_key))
    return f"""select
    '{table.qualified}' as table_name, '{column}' as column_name, count(*) as n,
    string_agg(if(age = 1, cast({key} as string), null), ',') as newest
from (
    select *, row_number() over (
        partition by {whole_key} order by is_completed desc, load_dts desc
    ) as age
    from (
        select *, batch_id in ({completed_batches_query(settings)}) as is_completed
        from {raw_table(settings, table.qualified)}
        where {chosen}
    )
)
where change_type = 'upsert' and {condition}"""


def read_values(client: Client, settings: Settings) -> list[str]:
    """Return the values, to search files on this machine. Call within `collected_values`."""
    rows: list[dict[str, Any]] = query(
        client, f"select value from {table_name(settings, VALUES)}", timeout_s=settings.query_timeout_s
    )
    return [row["value"] for row in rows]
