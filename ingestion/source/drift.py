"""Compare the source with the metadata, before anything is read or written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.errors import PermanentError
from ingestion.source.relation_kinds import kind_problem
from ingestion.source.structure import Structure
from metadata import naming
from metadata.errors import did_you_mean
from metadata.postgres_types import AS_TEXT
from metadata.spec import Table
from warehouse.type_mappings import ColumnType, column_type, normalise


@dataclass(frozen=True)
class LiveColumn:
    """A column of the source: its type, and whether the login may read it."""

    type: str
    readable: bool


@dataclass(frozen=True)
class LiveTable:
    """A table of the source.

    `primary_key`: as declared in the source, or None. `has_key`: a unique index on exactly the key in the
    metadata covers all rows. `structure`: what its values depend on.
    """

    columns: Mapping[str, LiveColumn]
    xmin_readable: bool
    primary_key: frozenset[str] | None
    has_key: bool
    structure: Structure


@dataclass(frozen=True)
class Drift:
    """The differences: `problems` stop the load, `absent` (optional tables) do not."""

    problems: tuple[str, ...]
    absent: tuple[str, ...]


def find_drift(tables: Sequence[Table], live: Mapping[str, LiveTable]) -> Drift:
    """Compare the tables with those of the source (`live`, by qualified name)."""
    absent = [table for table in tables if table.qualified not in live]
    present = [table for table in tables if table.qualified in live]
    problems = [
        f"{table.qualified}: no such table in the source. Create or restore it, add `optional: true` to "
        f"{_file(table)} if not every source has it, or delete that file."
        for table in absent
        if not table.optional
    ]
    for table in present:
        problems += _table_problems(table, live[table.qualified])
    return Drift(
        problems=tuple(problems),
        absent=tuple(table.qualified for table in absent if table.optional),
    )


def check_drift(drift: Drift) -> None:
    """Raise PermanentError that lists all problems, before anything is written."""
    if drift.problems:
        listed = "\n".join(f"  {problem}" for problem in drift.problems)
        raise PermanentError(f"the source does not match the metadata; nothing was loaded:\n{listed}")


def _table_problems(table: Table, live: LiveTable) -> list[str]:
    problem = kind_problem(live.structure)
    if problem:
        return [problem]
    problems = []
    if live.primary_key not in {None, frozenset(table.primary_key)}:
        problems.append(
            f"{table.qualified}: its primary key is ({', '.join(sorted(live.primary_key or ()))}) now, "
            f"({', '.join(table.primary_key)}) in the metadata. Change it back, or change primary_key in "
            f"{_file(table)} and load the table under another name, because the key identifies other things."
        )
    for column in table.loaded_columns:
        found = live.columns.get(column.name)
        if found is None:
            unknown = [name for name in live.columns if name not in table.column_names]
            hint = did_you_mean(column.name, unknown) if unknown else ""
            problems.append(
                f"{table.qualified}.{column.name}: no such column in the source. {hint} "
                f"Restore or rename it there, or remove it from {_file(table)}.".replace("  ", " ")
            )
        elif not _same_target_type(found.type, column.type):
            problems.append(
                f"{table.qualified}.{column.name}: its type is {normalise(found.type)} now, {column.type} in "
                f"the metadata. Change it back, or add a column with another name to {_file(table)}."
            )
    return problems + _privilege_problems(table, live)


def _file(table: Table) -> str:
    return f"metadata/tables/{table.schema_name}/{table.name}.yml"


def _privilege_problems(table: Table, live: LiveTable) -> list[str]:
    names = [
        column.name
        for column in table.loaded_columns
        if column.name in live.columns and not live.columns[column.name].readable
    ]
    if not live.xmin_readable:
        names.append("xmin")
    if not names:
        return []
    return [
        f"{table.qualified}: the login may not read {', '.join(names)}. As its owner run: "
        f"grant select ({', '.join(map(naming.quoted_in_source, names))}) on {table.in_source} to <login>;"
    ]


def _same_target_type(live_type: str, known_type: str) -> bool:
    """Return whether both types map to the same type in raw, as varchar(50) and varchar(100) do."""
    if known_type.endswith(AS_TEXT):
        return normalise(live_type) + AS_TEXT == normalise(known_type)
    target = _target_type(live_type)
    return target is not None and target == _target_type(known_type)


def _target_type(postgres_type: str) -> ColumnType | None:
    try:
        return column_type(postgres_type)
    except PermanentError:
        return None
