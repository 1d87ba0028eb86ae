"""Compare row counts and control totals of every table in source, raw, vault and marts, to the last digit.

Totals are compared as a whole and, if the table has a business day, day by day, so that errors on different
days cannot cancel out. The source's totals were computed in the source snapshot of the batch, so later
changes in the source do not matter.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from google.cloud import bigquery

from audit.reconciliation.comparison import Comparison, DayDifference, Reconciliation
from audit.reconciliation.layers import (
    TOTAL,
    DailyTotalsBatch,
    Totals,
    mart_totals,
    raw_totals,
    statement,
    vault_totals,
)
from audit.reconciliation.record import record
from audit.rejected_values import current_rejected_values
from config.errors import MissingInWarehouseError
from config.settings import Settings
from metadata.errors import WwiError
from metadata.reconciliation import Fact
from metadata.spec import Catalog, Table
from warehouse.client import connect
from warehouse.ledger.tables import completed_batches_query
from warehouse.queries import query

logger = logging.getLogger(__name__)


ROWS = "rows"


SourceTotals = Mapping[tuple[str, str], tuple[int, Decimal]]


def reconcile(
    settings: Settings, catalog: Catalog, facts: Sequence[Fact], *, now: datetime | None = None
) -> Reconciliation:
    """Compare every table's totals in raw, vault and marts with those of the source, and record the result.

    `now`: the time to record, by default the current time. Returns all comparisons, equal or not. Raises
    WwiError if nothing was loaded yet or the vault was never built.
    """
    client = connect(settings, "reconcile")
    source = comparable(catalog, source_totals(client, settings))
    daily = latest_daily_totals(client, settings, catalog, source)
    loaded = [table for table in catalog.tables if (table.qualified, ROWS) in source]
    comparisons: list[Comparison] = []
    try:
        for layer, selects in _selects(settings, catalog, loaded, facts).items():
            found = query(client, statement(selects, daily, settings), timeout_s=settings.query_timeout_s)
            comparisons += compare(layer, selects, source, daily, found)
        behind = _pending_batches(client, settings)
        rejected = current_rejected_values(client, settings, catalog)
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
    """Return the selects of each layer, for one statement per layer."""
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
    daily: Mapping[str, DailyTotalsBatch],
    found: Sequence[Mapping[str, Any]],
) -> list[Comparison]:
    """Compare the rows that `statement` returned for a layer with the source's totals.

    A total that the source does not have is not compared. A mart is compared under the name of its source
    table; a mart without a business day is compared as a whole only.
    """
    by_total: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in found:
        by_total[row["label"], row["control"]].append(row)
    comparisons = []
    for select in selects:
        for control in select.names:
            if (select.table, control) not in source:
                continue
            batch_id, expected = source[select.table, control]
            rows = by_total[select.label, control]
            comparison = Comparison(
                batch_id=batch_id,
                table=select.table,
                control=control,
                layer=select.layer or layer,
                source=expected,
                value=_number(rows[0]["total"]) if rows else Decimal(0),
            )
            by_day = select.by_day and select.table in daily
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

    Raises WwiError if there is no completed batch.
    """
    audit = f"`{settings.project}.{settings.dataset('audit')}"
    try:
        rows = query(
            client,
            f"""
            select batch_id, table_name, control, cast(value as {TOTAL}) as value
            from {audit}.control_totals`
            where batch_id in ({completed_batches_query(settings)})
            qualify rank() over (partition by table_name order by batch_id desc) = 1
            """,
            timeout_s=settings.query_timeout_s,
        )
    except MissingInWarehouseError:
        rows = []
    if not rows:
        raise WwiError("nothing to reconcile: no batch was completed yet. Run `wwi run`.")
    return {(row["table_name"], row["control"]): (row["batch_id"], _number(row["value"])) for row in rows}


def latest_daily_totals(
    client: bigquery.Client, settings: Settings, catalog: Catalog, source: SourceTotals
) -> dict[str, DailyTotalsBatch]:
    """Return the latest batch with daily totals of each table.

    Left out are tables without daily totals, and tables whose totals need another table that was last loaded
    in a different batch.
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
    daily = {row["table_name"]: DailyTotalsBatch(row["batch_id"], row["load_dts"]) for row in rows}
    return {
        table.qualified: daily[table.qualified]
        for table in catalog.tables
        if table.day and table.qualified in daily and not _is_out_of_step(catalog, table, source)
    }


def comparable(catalog: Catalog, source: SourceTotals) -> SourceTotals:
    """Drop the totals that need another table which was last loaded in a different batch."""
    not_comparable = {
        (table.qualified, control)
        for table in catalog.tables
        for control in table.looked_up_controls
        if _is_out_of_step(catalog, table, source)
    }
    return {key: value for key, value in source.items() if key not in not_comparable}


def _is_out_of_step(catalog: Catalog, table: Table, source: SourceTotals) -> bool:
    """Return whether the table and one that its totals need were last loaded in different batches.

    A line may then lack its header or have a newer one.
    """
    batches = {
        source.get((each.qualified, ROWS), (0,))[0]
        for each in (table, *(lookup.table for lookup in catalog.lookups(table)))
    }
    return len(batches) > 1


def _pending_batches(client: bigquery.Client, settings: Settings) -> tuple[int, ...]:
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
