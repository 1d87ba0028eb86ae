"""Compare a mart as of two times: rows by key, columns, and the effect on totals.

One statement compares both states in the warehouse and returns counts, sums and the first rows. A row that
the source deleted stays in a fact, marked as deleted, and does not count in totals. So there are five kinds
of change (added, removed, deleted, returned, changed), and their effects add up to the delta of a total.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from google.cloud import bigquery

from audit.history.as_of import Models, check_mart, ctes
from audit.history.as_of_time import AsOf
from config.settings import Settings
from metadata import naming
from metadata.marts import Mart
from metadata.reconciliation import Fact
from warehouse.queries import query, timestamp_literal

KINDS = ("added", "removed", "deleted", "returned", "changed")
BEFORE, AFTER = "before__", "after__"
CHANGED = "changed__"


@dataclass(frozen=True)
class Total:
    """The sum of a measure over rows that are not deleted, as of both times, and its change by kind."""

    measure: str
    before: Decimal
    after: Decimal
    moved_by: dict[str, Decimal]

    @property
    def delta(self) -> Decimal:
        """`after` minus `before`."""
        return self.after - self.before


@dataclass(frozen=True)
class ChangedRow:
    """A row that differs: its key, the kind of change, {column: (before, after)} of changed columns.

    An added row has None as `before` of all columns, a removed row None as `after`.
    """

    key: Any
    kind: str
    columns: dict[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Difference:
    """A mart compared as of two times. `columns`: {column: changed rows}; `rows`: the first ones by key."""

    mart: str
    before: AsOf
    after: AsOf
    rows_before: int
    rows_after: int
    kinds: dict[str, int]
    columns: dict[str, int]
    totals: tuple[Total, ...]
    rows: tuple[ChangedRow, ...]

    @property
    def different_rows(self) -> int:
        """The number of rows that differ."""
        return sum(self.kinds.values())


def difference(  # noqa: PLR0913, PLR0917 - a mart, two times, and options of the query
    client: bigquery.Client,
    settings: Settings,
    models: Models,
    mart: Mart,
    before: AsOf,
    after: AsOf,
    *,
    measures: Sequence[str] = (),
    where: str | None = None,
    limit: int = 20,
) -> Difference:
    """Compare the mart as of two times.

    `where`: SQL over its columns; `limit`: maximum number of rows to list, 0 for all. Raises like `query`.
    """
    sql = statement(
        settings, models, mart, (timestamp_literal(before.at), timestamp_literal(after.at)),
        measures=measures, where=where, limit=limit,
    )  # fmt: skip
    sections: dict[str, list[dict[str, Any]]] = {"before": [], "after": [], "kind": [], "row": []}
    for row in query(client, sql, timeout_s=settings.load_timeout_s):
        sections[row["section"]].append(json.loads(row["payload"], parse_float=Decimal))
    kinds = sorted(sections["kind"], key=lambda each: KINDS.index(each["kind"]))
    sides = sections["before"][0], sections["after"][0]
    names = compared_columns(mart)
    return Difference(
        mart.name,
        before,
        after,
        int(sides[0]["row_count"]),
        int(sides[1]["row_count"]),
        {each["kind"]: int(each["row_count"]) for each in kinds},
        _columns(kinds, names),
        tuple(_total(name, *sides, kinds) for name in measures),
        tuple(sorted((_row(each, names) for each in sections["row"]), key=lambda each: each.key)),
    )


def measures_of(mart: Mart, facts: Sequence[Fact]) -> tuple[str, ...]:
    """Return the additive columns of a mart, in its order: those that reconciliation adds up."""
    added = {column for fact in facts if fact.name == mart.name for column in fact.measures.values()}
    return tuple(column.name for column in mart.columns if column.name in added)


def compared_columns(mart: Mart) -> tuple[str, ...]:
    """Return all columns except GEOGRAPHY, which BigQuery cannot compare."""
    return tuple(column.name for column in mart.columns if column.type != "geography")


def statement(  # noqa: PLR0913 - see difference
    settings: Settings,
    models: Models,
    mart: Mart,
    until: tuple[str, str],
    *,
    measures: Sequence[str],
    where: str | None = None,
    limit: int = 20,
) -> str:
    """Return one statement with the columns section and payload (JSON).

    Sections: before, after, one row per kind, and the first rows that differ.
    """
    check_mart(models, mart.name)
    names = compared_columns(mart)
    key = mart.key
    parts: list[str] = []
    for prefix, time in zip((BEFORE, AFTER), until, strict=True):
        parts += ctes(settings, models, mart.name, time, prefix)
        kept = f"\nwhere (\n{where}\n)" if where else ""
        parts.append(f"{prefix}rows as (\nselect *\nfrom {prefix}{mart.name}{kept}\n)")
    both = ",\n    ".join(
        f"earlier.{naming.quoted(name)} as {BEFORE}{name}, later.{naming.quoted(name)} as {AFTER}{name}, "
        f"{_differs(name)} as {CHANGED}{name}"
        for name in names
    )
    different = "\n    or ".join(_differs(name) for name in names)
    parts.append(
        f"""compared as (
select
    {_kind(key, names)} as kind,
    {both}
from {BEFORE}rows as earlier
full outer join {AFTER}rows as later
    on earlier.{naming.quoted(key)} = later.{naming.quoted(key)}
where
    {different}
)"""
    )
    sums = [
        f"{_sum(f'{side}{name}', _counts(side, names))} as {side}{name}"
        for name in measures
        for side in (BEFORE, AFTER)
    ]
    changed = [f"countif({CHANGED}{name}) as {CHANGED}{name}" for name in names]
    first = f"\n    limit {limit:d}" if limit else ""
    shown = ", ".join(f"{side}{name}" for name in names for side in (BEFORE, AFTER))
    chain = ",\n\n".join(parts)
    aggregates = ",\n        ".join(["count(*) as row_count", *sums, *changed])
    return f"""with {chain}

{_side("before", BEFORE, names, measures)}
union all
{_side("after", AFTER, names, measures)}
union all
select 'kind' as section, to_json_string(one_row) as payload
from (
    select
        kind,
        {aggregates}
    from compared
    group by kind
) as one_row
union all
select 'row' as section, to_json_string(one_row) as payload
from (
    select kind, {shown}
    from compared
    order by coalesce({AFTER}{key}, {BEFORE}{key}){first}
) as one_row"""


def _side(section: str, prefix: str, names: Sequence[str], measures: Sequence[str]) -> str:
    """Select row count and totals as of one time."""
    counts = "not is_deleted" if naming.IS_DELETED in names else "true"
    sums = (f"{_sum(naming.quoted(name), counts)} as {naming.quoted(name)}" for name in measures)
    listed = ", ".join(["count(*) as row_count", *sums])
    return f"""select '{section}' as section, to_json_string(one_row) as payload
from (select {listed} from {prefix}rows) as one_row"""


def _differs(name: str) -> str:
    column = naming.quoted(name)
    return f"(earlier.{column} is distinct from later.{column})"


def _kind(key: str, names: Sequence[str]) -> str:
    marks = ""
    if naming.IS_DELETED in names:
        marks = (
            " when later.is_deleted and not earlier.is_deleted then 'deleted'"
            " when earlier.is_deleted and not later.is_deleted then 'returned'"
        )
    key = naming.quoted(key)
    return (
        f"case when earlier.{key} is null then 'added' when later.{key} is null then 'removed'{marks} "
        "else 'changed' end"
    )


def _counts(side: str, names: Sequence[str]) -> str:
    """Return the condition that the row exists on this side and is not marked as deleted."""
    return f"not coalesce({side}{naming.IS_DELETED}, true)" if naming.IS_DELETED in names else "true"


def _sum(column: str, condition: str) -> str:
    """Return the sum as text, because numbers in JSON are floats."""
    return f"cast(coalesce(sum(if({condition}, cast({column} as numeric), null)), 0) as string)"


def _columns(kinds: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, int]:
    """Count the rows on both sides in which each column changed; the most changed column first."""
    both = [each for each in kinds if each["kind"] not in ("added", "removed")]
    counts = {name: sum(int(each[f"{CHANGED}{name}"]) for each in both) for name in names}
    return dict(sorted(((n, c) for n, c in counts.items() if c), key=lambda each: (-each[1], each[0])))


def _total(
    name: str, before: dict[str, Any], after: dict[str, Any], kinds: Sequence[dict[str, Any]]
) -> Total:
    moved = {
        each["kind"]: Decimal(each[f"{AFTER}{name}"]) - Decimal(each[f"{BEFORE}{name}"]) for each in kinds
    }
    return Total(name, Decimal(before[name]), Decimal(after[name]), {k: v for k, v in moved.items() if v})


def _row(payload: dict[str, Any], names: Sequence[str]) -> ChangedRow:
    sides = {name: (payload[f"{BEFORE}{name}"], payload[f"{AFTER}{name}"]) for name in names}
    key = next(value for value in reversed(sides[names[0]]) if value is not None)
    changed = {name: pair for name, pair in sides.items() if pair[0] != pair[1]}
    return ChangedRow(key, payload["kind"], changed)
