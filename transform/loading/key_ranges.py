"""The key ranges that a load touches, read from raw, and the SQL conditions that limit a model to them.

Tables of the vault are partitioned by ranges of their integer key. The touched ranges of a table contain
every row of every key in the batches, so a load gives the same result when it reads only them. Reasons:
docs/adr/0011-partitions-by-key-range.md.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from transform.loading.vault_models import RawTable, VaultModel
from warehouse.queries import timestamp_literal

EVERYTHING, NOTHING = "true", "false"
EVERY_NUMBER = ((-(2**63), 2**63 - 1),)

Range = tuple[int, int]  # first and last number
KeyRanges = Mapping[tuple[str, str], Sequence[Range]]  # (raw table, column): ranges


def statement(
    columns: Mapping[RawTable, Collection[str]], load_times: Sequence[datetime], width: int
) -> str | None:
    """Return the query of the touched ranges; None if there is nothing to ask.

    `columns`: integer columns of each raw table. Only batches with these load times are read. The result has
    one row per column and range of `width` numbers: raw_table, number, and the `first` and `last` of them.
    """
    times = ", ".join(timestamp_literal(each) for each in load_times)
    parts = [_ranges_of(table, sorted(names), times, width) for table, names in columns.items() if names]
    return "\nunion all\n".join(parts) if parts and load_times else None


def _ranges_of(table: RawTable, columns: Sequence[str], times: str, width: int) -> str:
    numbers = ", ".join(f"struct('{name}' as number, raw.`{name}` as value)" for name in columns)
    return (
        f"select '{table.name}' as raw_table, keys.number, min(keys.value) as `first`, "
        "max(keys.value) as `last`\n"
        f"from {table.relation} as raw\n"
        f"cross join unnest([{numbers}]) as keys\n"
        f"where raw.load_dts in ({times}) and keys.value is not null\n"
        f"group by keys.number, div(keys.value, {width})"
    )


def by_column(rows: Iterable[Mapping[str, Any]]) -> KeyRanges:
    """Return the ranges in the rows of `statement`."""
    found: dict[tuple[str, str], list[Range]] = defaultdict(list)
    for row in rows:
        found[row["raw_table"], row["number"]].append((int(row["first"]), int(row["last"])))
    return found


def needed_columns(models: Iterable[VaultModel]) -> dict[str, frozenset[str]]:
    """Return {raw table: columns of which a model needs the touched ranges}."""
    found: dict[str, set[str]] = defaultdict(set)
    for model in models:
        for table in model.sources:
            found[table].update(model.numbers)
    return {table: frozenset(columns) for table, columns in found.items()}


def columns_to_ask(
    needed: Mapping[str, Collection[str]], tables: Mapping[RawTable, Collection[str]]
) -> tuple[dict[RawTable, list[str]], dict[tuple[str, str], Sequence[Range]]]:
    """Return the needed columns that these raw tables have, and any number as the range of the others."""
    asked = {
        table: sorted(each for each in needed.get(table.name, ()) if each.lower() in own)
        for table, own in tables.items()
    }
    unknown: dict[tuple[str, str], Sequence[Range]] = {
        (table.name, column): EVERY_NUMBER
        for table in tables
        for column in needed.get(table.name, ())
        if column not in asked[table]
    }
    return asked, unknown


def ranges_of(model: VaultModel, column: str, key_ranges: KeyRanges | None) -> Sequence[Range] | None:
    """Return the ranges of this column in all raw tables that the model is loaded from; None: all numbers."""
    if key_ranges is None:
        return None
    return sorted({each for table in model.sources for each in key_ranges.get((table, column), ())})


def condition(number: str, ranges: Sequence[Range] | None, limit: int) -> str:
    """Return the SQL condition that `number` is in one of the ranges.

    More than `limit` ranges become one around all of them. BigQuery prunes partitions only for constants.
    """
    if ranges is None:
        return EVERYTHING
    if not ranges:
        return NOTHING
    if len(ranges) > limit:
        ranges = [(min(first for first, _ in ranges), max(last for _, last in ranges))]
    return " or ".join(f"{number} between {first} and {last}" for first, last in ranges)
