"""Do the tables and hubs fit together? Every rule that one file alone cannot break is here."""

import re
from collections.abc import Iterator

from metadata import naming, words
from metadata.check_vault import (
    check_mapping,
    doubled_names,
    key_kinds,
    known_columns,
    table_file,
    unknown_columns,
    unused_hubs,
)
from metadata.errors import Mistake, did_you_mean
from metadata.spec import Catalog, Table

_BARE_WORD = re.compile(r"(?<![\"\w.])([a-z]\w*)(?![\"\w.])")


def find_mistakes(catalog: Catalog, broken: frozenset[str] = frozenset()) -> list[Mistake]:
    """Return every mistake in how the parts fit together.

    `broken` holds tables (`schema.table`) and hubs that exist but could not be read: naming them is right.
    """
    mistakes: list[Mistake] = []
    for table in catalog.tables:
        mistakes += _keys(table)
        mistakes += _foreign_keys(table, catalog, broken)
        mistakes += _controls(table, catalog)
        mistakes += check_mapping(table, catalog, broken)
    mistakes += key_kinds(catalog)
    mistakes += doubled_names(catalog)
    # A hub also looks unused when a table misspells it or cannot be read.
    return mistakes if mistakes or broken else list(unused_hubs(catalog))


def _keys(table: Table) -> Iterator[Mistake]:
    file = table_file(table)
    yield from unknown_columns(table, "primary_key", table.primary_key)
    for column in known_columns(table, table.primary_key):
        if column.nullable or column.sensitivity == "secret":
            flaw = "nullable" if column.nullable else "secret"
            mend = "A key is loaded and never null: change the column or choose another key."
            yield Mistake(file, f"columns.{column.name}", f"part of the primary key, but {flaw}", mend)
    for column in table.columns:
        if column.name in naming.RESERVED_COLUMNS:
            mend = "Ingestion and the vault add a column of that name; load the table under another one."
            yield Mistake(file, f"columns.{column.name}", "the name is reserved", mend)
        if column.name in words.UNQUOTABLE:
            mend = "Give the column another name in the source, or leave it out here."
            problem = "SQL takes the name for something else, and AutomateDV does not quote it"
            yield Mistake(file, f"columns.{column.name}", problem, mend)
        if column.measure and column.kind not in {"integer", "numeric"}:
            # the sum of floats depends on the order in which they are added
            mend = "Only exact numbers add up to the same in every layer: remove `measure`."
            yield Mistake(file, f"columns.{column.name}", f"a measure of type {column.type}", mend)
    yield from _unquoted(table)
    measures = {column.name for column in table.columns if column.measure}
    for name in sorted(measures & set(table.computed_controls)):
        mend = "Every measure is a control already; remove this one or rename it."
        yield Mistake(file, f"computed_controls.{name}", "a measure has the same name", mend)


def _unquoted(table: Table) -> Iterator[Mistake]:
    """A control that names a column without quotes whose name is a word of SQL."""
    risky = (words.WORDS_OF_SQL - words.WORDS_OF_EXPRESSIONS) & set(table.column_names)
    for control, text in table.computed_controls.items():
        for word in sorted(risky & set(_BARE_WORD.findall(text))):
            problem = f"'{word}' is a word of SQL, so it does not name the column"
            mend = f'Write it in double quotes: "{word}".'
            yield Mistake(table_file(table), f"computed_controls.{control}", problem, mend)


def _foreign_keys(table: Table, catalog: Catalog, broken: frozenset[str]) -> Iterator[Mistake]:
    file = table_file(table)
    known = {other.qualified for other in catalog.tables}
    for name, reference in table.foreign_keys.items():
        target, _, column = reference.rpartition(".")
        key = f"columns.{name}.references"
        if target not in known | broken:
            yield Mistake(file, key, f"no table '{target}'", did_you_mean(target, known))
        elif target in known and column not in catalog.table(target).column_names:
            mend = did_you_mean(column, catalog.table(target).column_names)
            yield Mistake(file, key, f"{target} has no column '{column}'", mend)
        elif target in known and catalog.table(target).column(column).kind != table.column(name).kind:
            problem = f"a {table.column(name).type} refers to a {catalog.table(target).column(column).type}"
            yield Mistake(file, key, problem, "Their hashes would never be equal: give both the same type.")
    yield from unknown_columns(table, "undeclared_foreign_keys", table.undeclared_foreign_keys)
    for undeclared in known_columns(table, table.undeclared_foreign_keys):
        if undeclared.references is None:
            mend = f"Add `references` to columns.{undeclared.name}."
            yield Mistake(file, "undeclared_foreign_keys", f"'{undeclared.name}' refers to nothing", mend)


def _controls(table: Table, catalog: Catalog) -> Iterator[Mistake]:
    """Every column looked up for a control exists; the day is a date or a time."""
    file = table_file(table)
    if table.control_day and "." not in table.control_day:
        yield from _day(table, table.control_day, file)
    known = {other.qualified: other for other in catalog.tables}
    for through, name in table.control_paths:
        is_day = table.control_day == f"{through}.{name}"
        key = "control_day" if is_day else "computed_controls"
        target = table.foreign_keys.get(through, "").rpartition(".")[0]
        if through not in table.foreign_keys:
            mend = did_you_mean(through, table.foreign_keys)
            yield Mistake(file, key, f"'{through}' is no column that refers to a table", mend)
        elif target in known:  # one that is not was told where the reference stands
            if is_day:
                yield from _day(known[target], name, file)
            elif name not in known[target].column_names:
                yield _no_column(known[target], name, file, key)
            elif known[target].column(name).sensitivity == "secret":
                mend = "Secret columns never leave the source; take it out."
                yield Mistake(file, key, f"'{name}' of {target} is secret", mend)
        if through in table.foreign_keys and target in known and len(known[target].primary_key) > 1:
            mend = "Look it up through a key of one column."
            yield Mistake(file, key, f"{target} has a key of several columns", mend)


def _day(holder: Table, name: str, file: str) -> Iterator[Mistake]:
    if name not in holder.column_names:
        yield _no_column(holder, name, file, "control_day")
    elif holder.column(name).kind not in {"date", "datetime", "timestamp"}:
        mend = "Choose a column that is a date or a time."
        yield Mistake(file, "control_day", f"'{name}' is a {holder.column(name).type}", mend)


def _no_column(holder: Table, name: str, file: str, key: str) -> Mistake:
    mend = did_you_mean(name, holder.column_names)
    return Mistake(file, key, f"{holder.qualified} has no column '{name}'", mend)
