"""Load columns of the source that are not in the metadata yet, protected as personal data.

All columns that the login may read are loaded, so that no value is lost before somebody describes the column.
Until then it may contain personal data, so it gets the policy tag of personal columns.
WWI_LOAD_NEW_COLUMNS=false skips such columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from config.errors import PermanentError
from ingestion.changes.xid import PreviousLoad
from ingestion.source.drift import LiveColumn, LiveTable
from metadata import naming, words
from metadata.spec import Column, Table
from warehouse.type_mappings import column_type, normalise

DESCRIPTION = "New in the source, and not described in the metadata yet."
LOADED, NOT_LOADED, GONE = "new column, loaded", "new column, not loaded", "new column, gone again"


@dataclass(frozen=True)
class SchemaChange:
    """What happened to a column that is not in the metadata (one of the constants above), and why."""

    table: str
    column: str
    type: str
    change: str
    reason: str = ""

    def __str__(self) -> str:
        """`shop.visits.remark (text): new column, loaded`."""
        why = f": {self.reason}" if self.reason else ""
        return f"{self.table}.{self.column} ({self.type}): {self.change}{why}"


def all_with_new_columns(
    tables: Sequence[Table],
    live: Mapping[str, LiveTable],
    previous: Mapping[str, PreviousLoad],
    *,
    load: bool,
) -> tuple[tuple[Table, ...], tuple[SchemaChange, ...]]:
    """Apply `with_new_columns` to each table; `previous`: the previous load of each table, by name."""
    widened: list[Table] = []
    changes: list[SchemaChange] = []
    for table in tables:
        before = previous.get(table.qualified)
        wider, found = with_new_columns(
            table, live[table.qualified], before.columns if before else None, load=load
        )
        widened.append(wider)
        changes += found
    return tuple(widened), tuple(changes)


def with_new_columns(
    table: Table, live: LiveTable, before: Mapping[str, str] | None, *, load: bool
) -> tuple[Table, tuple[SchemaChange, ...]]:
    """Return the table with the unknown columns that can be loaded, and the changes to record.

    `before`: the columns that the previous batch loaded, name -> type; None before the first batch. `load`:
    whether to load unknown columns. Raises PermanentError if the type of a loaded column has changed.
    """
    unknown = {name: column for name, column in live.columns.items() if name not in table.column_names}
    changes = []
    added = []
    for name, column in unknown.items():
        kind = normalise(column.type)
        reason = _reason_not_loaded(name, column, load=load)
        if reason is None:
            _check_type(table, name, kind, (before or {}).get(name, kind))
            added.append(_column(name, kind))
        changes.append(
            SchemaChange(table.qualified, name, kind, NOT_LOADED if reason else LOADED, reason or "")
        )
    changes += [
        SchemaChange(table.qualified, name, kind, GONE)
        for name, kind in (before or {}).items()
        if name not in live.columns and name not in table.column_names
    ]
    if not added:
        return table, tuple(changes)
    fields = {name: getattr(table, name) for name in Table.model_fields}
    return Table(**fields | {"columns": (*table.columns, *added)}), tuple(changes)


def _reason_not_loaded(name: str, column: LiveColumn, *, load: bool) -> str | None:
    """Return why a column cannot be loaded; None if it can. The ledger compares the texts."""
    if not load:
        return "WWI_LOAD_NEW_COLUMNS is false"
    if not column.readable:
        return "the login may not read it"
    if name in naming.RESERVED_COLUMNS | words.UNQUOTABLE:
        return "ingestion, vault or SQL mean something else by that name"
    try:
        column_type(column.type)
        _column(name, normalise(column.type))
    except PermanentError:
        return "the type has no BigQuery type here"
    except ValidationError:
        return "only names of small letters, digits and _, and types that metadata/spec.py knows, are loaded"
    return None


def _check_type(table: Table, name: str, kind: str, kind_before: str) -> None:
    if kind != kind_before:
        raise PermanentError(
            f"{table.qualified}.{name}: its type is {kind} now, {kind_before} when it was loaded. Nothing "
            "was loaded. Change the type back, give the column a new name, or revoke the right of the login "
            "to read it."
        )


def _column(name: str, kind: str) -> Column:
    return Column(name=name, type=kind, description=DESCRIPTION, nullable=True, sensitivity="personal")
