"""Compares what the source looks like now with what the metadata say, before anything is read or written."""

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
    """A column as it is in the source: its type, and whether our login may read it."""

    type: str
    readable: bool


@dataclass(frozen=True)
class LiveTable:
    """A table as it is in the source.

    `primary_key`: as declared there, None where it is not. `has_key`: a unique index guards exactly the key
    of the metadata, for all rows. `structure`: what its values depend on.
    """

    columns: Mapping[str, LiveColumn]
    xmin_readable: bool
    primary_key: frozenset[str] | None
    has_key: bool
    structure: Structure


@dataclass(frozen=True)
class Drift:
    """What differs: `problems` stop the load, `absent` (optional tables) do not."""

    problems: tuple[str, ...]
    absent: tuple[str, ...]


def find_drift(tables: Sequence[Table], live: Mapping[str, LiveTable]) -> Drift:
    """Compare the tables with the source, whose tables `live` holds by qualified name."""
    absent = [table for table in tables if table.qualified not in live]
    present = [table for table in tables if table.qualified in live]
    problems = [
        f"{table.qualified}: no such table in the source. Make or restore it, say `optional: true` in "
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
    """Raise PermanentError with every problem at once; nothing has been written yet."""
    if drift.problems:
        listed = "\n".join(f"  {problem}" for problem in drift.problems)
        raise PermanentError(f"the source is not what the metadata say; nothing was loaded:\n{listed}")


def _table_problems(table: Table, live: LiveTable) -> list[str]:
    problem = kind_problem(live.structure)
    if problem:
        return [problem]
    problems = []
    if live.primary_key not in {None, frozenset(table.primary_key)}:
        problems.append(
            f"{table.qualified}: its primary key is ({', '.join(sorted(live.primary_key or ()))}) now, "
            f"({', '.join(table.primary_key)}) in the metadata. Change it back, or change primary_key in "
            f"{_file(table)} and load the table under another name: its rows are no longer the same things."
        )
    for column in table.loaded_columns:
        found = live.columns.get(column.name)
        if found is None:
            unknown = [name for name in live.columns if name not in table.column_names]
            hint = did_you_mean(column.name, unknown) if unknown else ""
            problems.append(
                f"{table.qualified}.{column.name}: no such column in the source. {hint} "
                f"Restore or rename it there, or take it out of {_file(table)}.".replace("  ", " ")
            )
        elif not _same_road(found.type, column.type):
            problems.append(
                f"{table.qualified}.{column.name}: its type is {normalise(found.type)} now, {column.type} in "
                f"the metadata. Change it back, or give the new type a new column name in {_file(table)}."
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


def _same_road(live_type: str, known_type: str) -> bool:
    """Tell whether values of both types land in the same raw column: varchar(50) and varchar(100) do."""
    if known_type.endswith(AS_TEXT):
        return normalise(live_type) + AS_TEXT == normalise(known_type)
    road = _road(live_type)
    return road is not None and road == _road(known_type)


def _road(postgres_type: str) -> ColumnType | None:
    try:
        return column_type(postgres_type)
    except PermanentError:
        return None
