"""Check that tables and hubs fit together: the rules that involve more than one entry."""

import re
from collections.abc import Iterator

from metadata import naming, words
from metadata.check_vault import (
    check_duplicate_models,
    check_key_types,
    check_mapping,
    check_unused_hubs,
    known_columns,
    table_file,
    unknown_columns,
)
from metadata.errors import Issue, did_you_mean
from metadata.spec import Catalog, Table

_BARE_WORD = re.compile(r"(?<![\"\w.])([a-z]\w*)(?![\"\w.])")


def find_issues(catalog: Catalog, broken: frozenset[str] = frozenset()) -> list[Issue]:
    """Return every issue in how tables and hubs fit together.

    `broken`: tables (`schema.table`) and hubs that exist but could not be read; references to them are valid.
    """
    issues: list[Issue] = []
    for table in catalog.tables:
        issues += _keys(table)
        issues += _foreign_keys(table, catalog, broken)
        issues += _controls(table, catalog)
        issues += check_mapping(table, catalog, broken)
    issues += check_key_types(catalog)
    issues += check_duplicate_models(catalog)
    # A hub also looks unused when a table misspells it or cannot be read, so check it last.
    return issues if issues or broken else list(check_unused_hubs(catalog))


def _keys(table: Table) -> Iterator[Issue]:
    file = table_file(table)
    yield from unknown_columns(table, "primary_key", table.primary_key)
    for column in known_columns(table, table.primary_key):
        if column.nullable or column.sensitivity == "secret":
            flaw = "nullable" if column.nullable else "secret"
            fix = "Key columns are loaded and never null. Change the column or choose another key."
            yield Issue(file, f"columns.{column.name}", f"part of the primary key, but {flaw}", fix)
    for column in table.columns:
        if column.name in naming.RESERVED_COLUMNS:
            fix = "Ingestion or the vault adds a column with this name. Rename it in a view of the source."
            yield Issue(file, f"columns.{column.name}", "the column name is reserved", fix)
        if column.name in words.UNQUOTABLE:
            fix = "Rename the column in the source, or remove it here."
            problem = "the name is a word of SQL that AutomateDV does not quote"
            yield Issue(file, f"columns.{column.name}", problem, fix)
        if column.measure and column.kind not in {"integer", "numeric"}:
            # the sum of floats depends on the order of addition
            fix = "Only integer and numeric columns have the same sum in every layer. Remove `measure`."
            yield Issue(file, f"columns.{column.name}", f"a measure of type {column.type}", fix)
    yield from _unquoted(table)
    measures = {column.name for column in table.columns if column.measure}
    for name in sorted(measures & set(table.computed_controls)):
        fix = "Every measure is already a control total. Remove or rename this one."
        yield Issue(file, f"computed_controls.{name}", "a measure has the same name", fix)


def _unquoted(table: Table) -> Iterator[Issue]:
    """Find controls that use a column named like a word of SQL without quotes."""
    risky = (words.RESERVED_WORDS - words.EXPRESSION_KEYWORDS) & set(table.column_names)
    for control, text in table.computed_controls.items():
        for word in sorted(risky & set(_BARE_WORD.findall(text))):
            problem = f"'{word}' is a word of SQL and does not refer to the column"
            fix = f'Put it in double quotes: "{word}".'
            yield Issue(table_file(table), f"computed_controls.{control}", problem, fix)


def _foreign_keys(table: Table, catalog: Catalog, broken: frozenset[str]) -> Iterator[Issue]:
    file = table_file(table)
    known = {other.qualified for other in catalog.tables}
    for name, reference in table.foreign_keys.items():
        target, _, column = reference.rpartition(".")
        key = f"columns.{name}.references"
        if target not in known | broken:
            yield Issue(file, key, f"no table '{target}'", did_you_mean(target, known))
        elif target in known and column not in catalog.table(target).column_names:
            fix = did_you_mean(column, catalog.table(target).column_names)
            yield Issue(file, key, f"{target} has no column '{column}'", fix)
        elif target in known and catalog.table(target).column(column).kind != table.column(name).kind:
            problem = f"a {table.column(name).type} refers to a {catalog.table(target).column(column).type}"
            yield Issue(
                file, key, problem, "Their hashes would never match. Give both columns the same type."
            )
    yield from unknown_columns(table, "undeclared_foreign_keys", table.undeclared_foreign_keys)
    for undeclared in known_columns(table, table.undeclared_foreign_keys):
        if undeclared.references is None:
            fix = f"Add `references` to columns.{undeclared.name}."
            yield Issue(file, "undeclared_foreign_keys", f"'{undeclared.name}' refers to nothing", fix)


def _controls(table: Table, catalog: Catalog) -> Iterator[Issue]:
    """Check that columns looked up for controls exist and that the control day is a date or a time."""
    file = table_file(table)
    if table.control_day and "." not in table.control_day:
        yield from _day(table, table.control_day, file)
    known = {other.qualified: other for other in catalog.tables}
    for through, name in table.control_paths:
        is_day = table.control_day == f"{through}.{name}"
        key = "control_day" if is_day else "computed_controls"
        target = table.foreign_keys.get(through, "").rpartition(".")[0]
        if through not in table.foreign_keys:
            fix = did_you_mean(through, table.foreign_keys)
            yield Issue(file, key, f"'{through}' is not a column that refers to a table", fix)
        elif target in known:  # an unknown target is reported at the reference itself
            if is_day:
                yield from _day(known[target], name, file)
            elif name not in known[target].column_names:
                yield _no_column(known[target], name, file, key)
            elif known[target].column(name).sensitivity == "secret":
                fix = "Secret columns never leave the source. Remove it here."
                yield Issue(file, key, f"'{name}' of {target} is secret", fix)
        if through in table.foreign_keys and target in known and len(known[target].primary_key) > 1:
            fix = "Look the column up in a table with a single-column key."
            yield Issue(file, key, f"the key of {target} has several columns", fix)


def _day(holder: Table, name: str, file: str) -> Iterator[Issue]:
    if name not in holder.column_names:
        yield _no_column(holder, name, file, "control_day")
    elif holder.column(name).kind not in {"date", "datetime", "timestamp"}:
        fix = "Choose a date or timestamp column."
        yield Issue(file, "control_day", f"'{name}' is a {holder.column(name).type}", fix)


def _no_column(holder: Table, name: str, file: str, key: str) -> Issue:
    fix = did_you_mean(name, holder.column_names)
    return Issue(file, key, f"{holder.qualified} has no column '{name}'", fix)
