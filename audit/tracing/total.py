"""Explain a total of a fact: its rows, their batches, and the same total computed from raw."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from audit.loaded import require_batches
from audit.tracing.statements import FORMULA, raw_statement, table_name
from audit.tracing.trace import check_figure, facts_by_name
from config.settings import Settings
from metadata import naming
from metadata.marts import load_marts
from metadata.reconciliation import Fact
from metadata.spec import Catalog
from warehouse.client import connect
from warehouse.queries import query
from warehouse.statements import checked_condition

Row = dict[str, Any]
SHOWN_ROWS = 20


@dataclass(frozen=True)
class Breakdown:
    """A total and the rows behind it. `rows`: the largest ones, as (key, batch, value).

    `computed`: the same total computed from raw by the formula. `batches`: {batch: rows}.
    """

    fact: str
    measure: str
    condition: str
    total: Decimal
    computed: Decimal
    count: int
    deleted: int
    batches: Mapping[int, int]
    rows: tuple[tuple[int, int, Decimal], ...]


def explain_total(  # noqa: PLR0913, PLR0917 - a total and its context
    settings: Settings, catalog: Catalog, facts: Sequence[Fact], name: str, measure: str, condition: str
) -> Breakdown:
    """Return the total of `measure` over the rows that meet `condition` (SQL), with the rows behind it.

    Raises WwiError for an unknown fact or measure, and for a condition that is not one boolean expression.
    """
    named = facts_by_name(facts, name)
    check_figure(catalog, named, measure)
    columns = next({c.name: c.type for c in mart.columns} for mart in load_marts() if mart.name == name)
    filter_sql = checked_condition(condition, name, columns)
    client = connect(settings, "trace")
    require_batches(settings)
    rows: list[Row] = []
    computed = Decimal(0)
    for fact in named:
        chosen = f"({filter_sql})" + (f" and ({fact.where})" if fact.where else "")
        source_key = fact.source_key or fact.key
        mart = table_name(settings, "marts", fact.name)
        rows += query(
            client,
            f"select {fact.key} as row_key, {naming.quoted(measure)} as value, lineage_key, is_deleted "
            f"from {mart} where {chosen}",
            timeout_s=settings.query_timeout_s,
        )
        source_keys = f"select {source_key} from {mart} where {chosen}"
        from_raw = raw_statement(settings, catalog, fact, source_keys, [measure])
        sums = query(
            client,
            f"select sum(cast({FORMULA}{measure} as numeric)) as total from (\n{from_raw}\n)",
            timeout_s=settings.query_timeout_s,
        )
        computed += Decimal(sums[0]["total"] or 0) if sums else Decimal(0)
    batches: dict[int, int] = defaultdict(int)
    for row in rows:
        batches[row["lineage_key"]] += 1
    values = [(row["row_key"], row["lineage_key"], Decimal(row["value"] or 0)) for row in rows]
    return Breakdown(
        name,
        measure,
        condition,
        sum((value for _, _, value in values), Decimal(0)),
        computed,
        len(rows),
        sum(bool(row["is_deleted"]) for row in rows),
        dict(sorted(batches.items())),
        tuple(sorted(values, key=lambda each: (-abs(each[2]), each[0]))[:SHOWN_ROWS]),
    )
