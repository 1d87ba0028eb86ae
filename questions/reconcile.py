"""Source = raw = vault = marts: row counts and control totals of every table, compared to the last digit.

As a whole, and by business day where a table has one: two mistakes that cancel out do so on one day at most.

The source's totals were taken inside the snapshot of the batch that was loaded, so the comparison holds
however far the source has moved on since.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from google.cloud import bigquery

from ingestion import ledger
from ingestion.bigquery import TableLayout, connect, ensure_table, execute, query
from ingestion.errors import MissingInWarehouseError, PermanentError
from ingestion.settings import Settings
from metadata.errors import WwiError
from metadata.reconciliation import Fact
from metadata.spec import Catalog, Table
from questions.layers import (
    SHOWN_DAYS,
    TOTAL,
    DaysTaken,
    Totals,
    mart_totals,
    raw_totals,
    statement,
    vault_totals,
)
from questions.rejected import RejectedValues, standing

logger = logging.getLogger(__name__)

SHOWN_DIFFERENCES = 10
SHOWN_IN_TEXT = 3

ROWS_A_STATEMENT = 2000
ROWS = "rows"

SourceTotals = Mapping[tuple[str, str], tuple[int, Decimal]]


def _total(name: str, description: str) -> bigquery.SchemaField:
    return bigquery.SchemaField(name, "NUMERIC", precision=38, scale=9, description=description)


_WHAT = (
    bigquery.SchemaField("reconciled_at", "TIMESTAMP", description="When the layers were compared (UTC)."),
    bigquery.SchemaField("batch_id", "INT64", description="Batch whose source totals were compared."),
    bigquery.SchemaField("table_name", "STRING", description="Source table."),
    bigquery.SchemaField("control", "STRING", description="rows, or the name of a control total."),
    bigquery.SchemaField("layer", "STRING", description="raw, vault, or the name of a mart."),
)
TOTALS_DESCRIPTION = "One row per total, layer and comparison: does the layer hold what the source held?"
RECONCILIATIONS = (
    *_WHAT,
    _total("source_value", "Total in the source."),
    _total("layer_value", "Total in the layer."),
    bigquery.SchemaField("is_equal", "BOOL", description="Whether total and days are the same numbers."),
    bigquery.SchemaField("days", "INT64", description="Days compared; null where there is a total only."),
    bigquery.SchemaField("days_different", "INT64", description="Days that differ, see reconciled_days."),
)
DAYS_DESCRIPTION = f"One row per day that differed, the first {SHOWN_DAYS} of each total and comparison."
RECONCILED_DAYS = (
    *_WHAT,
    bigquery.SchemaField("day", "DATE", description="Business day; null for rows of no day."),
    _total("source_value", "Total of the day in the source."),
    _total("layer_value", "Total of the day in the layer."),
)


@dataclass(frozen=True)
class DayDifference:
    """A business day (None: rows of no day) on which source and layer do not hold the same."""

    day: date | None
    source: Decimal
    value: Decimal


@dataclass(frozen=True)
class Comparison:
    """One total of one table in one layer beside the same total in the source.

    `days`: how many days were compared, None when only the whole was; `first_days` are the first of those
    that differ.
    """

    batch_id: int
    table: str
    control: str
    layer: str
    source: Decimal
    value: Decimal
    days: int | None = None
    days_different: int = 0
    first_days: tuple[DayDifference, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether the layer holds exactly what the source held, as a whole and on every day."""
        return self.source == self.value and not self.days_different


@dataclass(frozen=True)
class Reconciliation:
    """All comparisons of one time. `vault_is_behind`: completed batches that no build has loaded yet.

    `rejected`: values of the source that BigQuery cannot hold. They count as null in every total, also in
    those of the source.
    """

    reconciled_at: datetime
    comparisons: tuple[Comparison, ...]
    vault_is_behind: tuple[int, ...] = ()
    rejected: tuple[RejectedValues, ...] = ()

    @property
    def differences(self) -> tuple[Comparison, ...]:
        """The comparisons that fail."""
        return tuple(each for each in self.comparisons if not each.is_equal)


class ReconciliationError(PermanentError):
    """A layer does not add up to the source."""

    def __init__(self, reconciliation: Reconciliation) -> None:
        super().__init__(_difference_text(reconciliation))
        self.reconciliation = reconciliation


def reconcile(
    settings: Settings, catalog: Catalog, facts: Sequence[Fact], *, now: datetime | None = None
) -> Reconciliation:
    """Compare every table's totals in raw, vault and marts with those of the source, and record the result.

    `now`: the time to record, by default the present. Returns all comparisons, equal or not. Raises
    WwiError when nothing was loaded yet or the vault was never built.
    """
    client = connect(settings, "reconcile")
    source = comparable(catalog, source_totals(client, settings))
    taken = days_taken(client, settings, catalog, source)
    loaded = [table for table in catalog.tables if (table.qualified, ROWS) in source]
    comparisons: list[Comparison] = []
    try:
        for layer, selects in _selects(settings, catalog, loaded, facts).items():
            found = query(client, statement(selects, taken, settings), timeout_s=settings.query_timeout_s)
            comparisons += compare(layer, selects, source, taken, found)
        behind = _batches_outside_vault(client, settings)
        rejected = standing(client, settings, catalog)
    except MissingInWarehouseError as error:
        raise WwiError(f"the vault is not built yet ({error}). Run `wwi build`.") from error
    ordered = sorted(comparisons, key=lambda each: (each.table, each.control, each.layer))
    result = Reconciliation(now or datetime.now(UTC), tuple(ordered), behind, rejected)
    record(client, settings, result)
    logger.info("reconcile totals=%d differences=%d", len(comparisons), len(result.differences))
    return result


def _selects(
    settings: Settings, catalog: Catalog, tables: Sequence[Table], facts: Sequence[Fact]
) -> dict[str, list[Totals]]:
    """What to ask each layer, one statement per layer that holds any of the tables."""
    names = {table.qualified for table in tables}
    vault = [vault_totals(catalog, table, settings) for table in tables]
    selects: dict[str, list[Totals]] = {
        "raw": [raw_totals(catalog, table, settings) for table in tables],
        "vault": [select for select in vault if select],
        "marts": [mart_totals(fact, settings) for fact in facts if fact.source in names],
    }
    return {layer: wanted for layer, wanted in selects.items() if wanted}


def compare(
    layer: str,
    selects: Sequence[Totals],
    source: SourceTotals,
    taken: Mapping[str, DaysTaken],
    found: Sequence[Mapping[str, Any]],
) -> list[Comparison]:
    """Put what a layer answered to `statement` beside the source's totals.

    A total that the source does not have is not compared; a mart is compared under the name of its source
    table. A mart without a day of its own is compared as a whole only.
    """
    answered: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in found:
        answered[row["label"], row["control"]].append(row)
    comparisons = []
    for select in selects:
        for control in select.names:
            if (select.table, control) not in source:
                continue
            batch_id, expected = source[select.table, control]
            rows = answered[select.label, control]
            comparison = Comparison(
                batch_id=batch_id,
                table=select.table,
                control=control,
                layer=select.layer or layer,
                source=expected,
                value=_number(rows[0]["total"]) if rows else Decimal(0),
            )
            by_day = select.by_day and select.table in taken
            comparisons.append(_with_days(comparison, rows) if by_day else comparison)
    return comparisons


def _with_days(comparison: Comparison, rows: Sequence[Mapping[str, Any]]) -> Comparison:
    differing = [
        DayDifference(row["day"], _number(row["source_value"]), _number(row["layer_value"]))
        for row in rows
        if row["source_value"] != row["layer_value"]
    ]
    return replace(
        comparison,
        days=rows[0]["days"] if rows else 0,
        days_different=rows[0]["days_different"] if rows else 0,
        first_days=tuple(differing),
    )


def _number(value: Decimal | None) -> Decimal:
    return (value or Decimal(0)).normalize()


def source_totals(client: bigquery.Client, settings: Settings) -> SourceTotals:
    """Return {(table, control): (batch, value)} from the newest completed batch of each table.

    Raises WwiError when no batch was completed.
    """
    audit = f"`{settings.project}.{settings.dataset('audit')}"
    try:
        rows = query(
            client,
            f"""
            select batch_id, table_name, control, cast(value as {TOTAL}) as value
            from {audit}.control_totals`
            where batch_id in ({ledger.completed(settings)})
            qualify rank() over (partition by table_name order by batch_id desc) = 1
            """,
            timeout_s=settings.query_timeout_s,
        )
    except MissingInWarehouseError:
        rows = []
    if not rows:
        raise WwiError("nothing to reconcile: no batch was completed yet. Run `wwi run`.")
    return {(row["table_name"], row["control"]): (row["batch_id"], _number(row["value"])) for row in rows}


def days_taken(
    client: bigquery.Client, settings: Settings, catalog: Catalog, source: SourceTotals
) -> dict[str, DaysTaken]:
    """Return the batch in which each table was last added up by day; a table that never was is left out.

    So is one whose totals need another table, when the two were last loaded in different batches.
    """
    audit = f"`{settings.project}.{settings.dataset('audit')}"
    rows = query(
        client,
        f"""
        select table_loads.table_name, batches.batch_id, batches.load_dts
        from {audit}.table_loads` as table_loads
        inner join {audit}.batches` as batches on table_loads.batch_id = batches.batch_id
        where batches.status = 'completed' and table_loads.days is not null
        qualify rank() over (partition by table_loads.table_name order by batches.batch_id desc) = 1
        """,
        timeout_s=settings.query_timeout_s,
    )
    taken = {row["table_name"]: DaysTaken(row["batch_id"], row["load_dts"]) for row in rows}
    return {
        table.qualified: taken[table.qualified]
        for table in catalog.tables
        if table.day and table.qualified in taken and not _is_apart(catalog, table, source)
    }


def comparable(catalog: Catalog, source: SourceTotals) -> SourceTotals:
    """Leave out the totals that need another table which was last loaded in another batch."""
    unsure = {
        (table.qualified, control)
        for table in catalog.tables
        for control in table.looked_up_controls
        if _is_apart(catalog, table, source)
    }
    return {key: value for key, value in source.items() if key not in unsure}


def _is_apart(catalog: Catalog, table: Table, source: SourceTotals) -> bool:
    """Tell whether the table and one that its totals need were last loaded in different batches.

    A line can then be without its header, or have a newer one.
    """
    batches = {
        source.get((each.qualified, ROWS), (0,))[0]
        for each in (table, *(lookup.table for lookup in catalog.lookups(table)))
    }
    return len(batches) > 1


def _batches_outside_vault(client: bigquery.Client, settings: Settings) -> tuple[int, ...]:
    audit = f"`{settings.project}.{settings.dataset('audit')}"
    rows = query(
        client,
        f"""
        select batch_id from {audit}.batches`
        where status = 'completed' and batch_id not in (select batch_id from {audit}.vault_loads`)
        order by batch_id
        """,
        timeout_s=settings.query_timeout_s,
    )
    return tuple(row["batch_id"] for row in rows)


def record(client: bigquery.Client, settings: Settings, result: Reconciliation) -> None:
    """Append the comparisons to the ledger, and the days that differ to a table of their own."""
    if not result.comparisons:
        return
    stamp = f"timestamp '{result.reconciled_at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00:00'"
    totals = [
        f"({stamp}, {each.batch_id}, '{each.table}', '{each.control}', '{each.layer}', "
        f"{_sql(each.source)}, {_sql(each.value)}, {str(each.is_equal).lower()}, "
        f"{'null' if each.days is None else each.days}, {each.days_different})"
        for each in result.comparisons
    ]
    days = [
        f"({stamp}, {each.batch_id}, '{each.table}', '{each.control}', '{each.layer}', "
        f"{_date(day.day)}, {_sql(day.source)}, {_sql(day.value)})"
        for each in result.comparisons
        for day in each.first_days
    ]
    _append(client, settings, "reconciliations", RECONCILIATIONS, TOTALS_DESCRIPTION, totals)
    _append(client, settings, "reconciled_days", RECONCILED_DAYS, DAYS_DESCRIPTION, days)


def _append(  # noqa: PLR0913, PLR0917 - a table and its rows
    client: bigquery.Client,
    settings: Settings,
    name: str,
    schema: tuple[bigquery.SchemaField, ...],
    description: str,
    rows: Sequence[str],
) -> None:
    """Make the table where there is none, and insert the rows; a statement has a million bytes at most."""
    table_id = f"{settings.project}.{settings.dataset('audit')}.{name}"
    ensure_table(client, TableLayout(table_id, schema, description=description, partition_by="reconciled_at"))
    columns = ", ".join(field.name for field in schema)
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        values = ",\n".join(rows[start : start + ROWS_A_STATEMENT])
        sql = f"insert into `{table_id}` ({columns}) values\n{values}"
        execute(client, sql, timeout_s=settings.query_timeout_s)


def _sql(value: Decimal) -> str:
    return f"cast('{value}' as {TOTAL})"


def _date(day: date | None) -> str:
    return f"date '{day}'" if day else "null"


def _difference_text(reconciliation: Reconciliation) -> str:
    """Name table, total, layer and both values of the first differences, and the likely mend."""
    differences = reconciliation.differences
    by_layer: dict[str, int] = defaultdict(int)
    for each in differences:
        by_layer[each.layer] += 1
    counted = ", ".join(f"{count} in {layer}" for layer, count in sorted(by_layer.items()))
    lines = [f"the layers do not add up to the source: {counted}"]
    lines += [
        f"  {each.table} {each.control}: source {plain(each.source)}, {each.layer} {plain(each.value)} "
        f"(batch {each.batch_id}){days_text(each)}"
        for each in differences[:SHOWN_DIFFERENCES]
    ]
    if len(differences) > SHOWN_DIFFERENCES:
        lines.append(f"  and {len(differences) - SHOWN_DIFFERENCES} more: `wwi reconcile`")
    if reconciliation.vault_is_behind:
        waiting = ", ".join(map(str, reconciliation.vault_is_behind))
        lines.append(f"Batch {waiting} is not in the vault yet: run `wwi build`.")
    else:
        lines.append(
            "Raw is the record of what came: `wwi build --full-refresh` makes the rest anew from it."
        )
    return "\n".join(lines)


def days_text(comparison: Comparison) -> str:
    """Tell on which days a total differs: `; 2 of 30 days differ: 2013-01-02 10 not 11, ...`."""
    if not comparison.days_different:
        return ""
    shown = [
        f"{each.day or 'no day'} {plain(each.value)} instead of {plain(each.source)}"
        for each in comparison.first_days[:SHOWN_IN_TEXT]
    ]
    more = ["..."] if comparison.days_different > len(shown) else []
    counted = f"{comparison.days_different} of {comparison.days} days differ"
    return f"; {counted}: {', '.join([*shown, *more])}"


def plain(value: Decimal) -> str:
    """Return the number without trailing zeros and without an exponent: 30000, 1.5."""
    return f"{value.normalize():f}" if value else "0"
