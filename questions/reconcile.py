"""Source = raw = vault = marts: row counts and control totals of every table, compared to the last digit.

The source's totals were taken inside the snapshot of the batch that was loaded, so the comparison holds
however far the source has moved on since.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from google.cloud import bigquery

from ingestion.bigquery import TableLayout, connect, ensure_table, execute, query
from ingestion.errors import MissingInWarehouseError, PermanentError
from ingestion.settings import Settings
from metadata.errors import WwiError
from metadata.reconciliation import Fact
from metadata.spec import Catalog, Table
from questions.layers import TOTAL, Totals, mart_totals, raw_totals, statement, vault_totals

logger = logging.getLogger(__name__)

SHOWN_DIFFERENCES = 10

Values = dict[tuple[str, str], Decimal]


def _total(name: str, description: str) -> bigquery.SchemaField:
    return bigquery.SchemaField(name, "NUMERIC", precision=38, scale=9, description=description)


RECONCILIATIONS = (
    bigquery.SchemaField("reconciled_at", "TIMESTAMP", description="When the layers were compared (UTC)."),
    bigquery.SchemaField("batch_id", "INT64", description="Batch whose source totals were compared."),
    bigquery.SchemaField("table_name", "STRING", description="Source table."),
    bigquery.SchemaField("control", "STRING", description="rows, or the name of a control total."),
    bigquery.SchemaField("layer", "STRING", description="raw, vault, or the name of a mart."),
    _total("source_value", "Total in the source."),
    _total("layer_value", "Total in the layer."),
    bigquery.SchemaField("is_equal", "BOOL", description="Whether the two are the same number."),
)


@dataclass(frozen=True)
class Comparison:
    """One total of one table in one layer beside the same total in the source."""

    batch_id: int
    table: str
    control: str
    layer: str
    source: Decimal
    value: Decimal

    @property
    def is_equal(self) -> bool:
        """Whether the layer holds exactly what the source held."""
        return self.source == self.value


@dataclass(frozen=True)
class Reconciliation:
    """All comparisons of one time. `vault_is_behind`: completed batches that no build has loaded yet."""

    reconciled_at: datetime
    comparisons: tuple[Comparison, ...]
    vault_is_behind: tuple[int, ...] = ()

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
    source = source_totals(client, settings)
    loaded = [table for table in catalog.tables if table.qualified in {name for name, _ in source}]
    try:
        layers = _layer_values(client, settings, loaded, facts)
        behind = _batches_outside_vault(client, settings)
    except MissingInWarehouseError as error:
        raise WwiError(f"the vault is not built yet ({error}). Run `wwi build`.") from error
    comparisons = compare(source, layers, {fact.label: (fact.source, fact.name) for fact in facts})
    result = Reconciliation(now or datetime.now(UTC), comparisons, behind)
    record(client, settings, result)
    logger.info("reconcile totals=%d differences=%d", len(comparisons), len(result.differences))
    return result


def compare(
    source: Mapping[tuple[str, str], tuple[int, Decimal]],
    layers: Mapping[str, Values],
    marts: Mapping[str, tuple[str, str]],
) -> tuple[Comparison, ...]:
    """Put each layer's values beside the source's: {layer: {(label, control): value}}.

    The label is that of a table, or of a mart, for which `marts` gives source table and name. A table that a
    layer does not hold is not compared there.
    """
    comparisons = []
    for layer, values in layers.items():
        for (label, control), value in values.items():
            table, shown = marts.get(label, (label, layer))
            if (table, control) in source:
                batch_id, expected = source[table, control]
                comparisons.append(Comparison(batch_id, table, control, shown, expected, value))
    return tuple(sorted(comparisons, key=lambda each: (each.table, each.control, each.layer)))


def source_totals(client: bigquery.Client, settings: Settings) -> dict[tuple[str, str], tuple[int, Decimal]]:
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
            where batch_id in (select batch_id from {audit}.batches` where status = 'completed')
            qualify rank() over (partition by table_name order by batch_id desc) = 1
            """,
            timeout_s=settings.query_timeout_s,
        )
    except MissingInWarehouseError:
        rows = []
    if not rows:
        raise WwiError("nothing to reconcile: no batch was completed yet. Run `wwi run`.")
    return {
        (row["table_name"], row["control"]): (row["batch_id"], (row["value"] or Decimal(0)).normalize())
        for row in rows
    }


def _layer_values(
    client: bigquery.Client, settings: Settings, tables: Sequence[Table], facts: Sequence[Fact]
) -> dict[str, Values]:
    """Ask each layer for all its totals, one statement per layer."""
    names = {table.qualified for table in tables}
    vault = [vault_totals(table, settings) for table in tables]
    selects: dict[str, list[Totals]] = {
        "raw": [raw_totals(table, settings) for table in tables],
        "vault": [select for select in vault if select],
        "marts": [mart_totals(fact, settings) for fact in facts if fact.source in names],
    }
    return {layer: _ask(client, settings, wanted) for layer, wanted in selects.items() if wanted}


def _ask(client: bigquery.Client, settings: Settings, selects: Sequence[Totals]) -> Values:
    names = {select.label: select.names for select in selects}
    rows = query(client, statement(selects), timeout_s=settings.query_timeout_s)
    return {
        (row["label"], name): row[f"total_{number}"].normalize()
        for row in rows
        for number, name in enumerate(names[row["label"]])
    }


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
    """Append the comparisons to `<prefix>_audit.reconciliations`."""
    if not result.comparisons:
        return
    table_id = f"{settings.project}.{settings.dataset('audit')}.reconciliations"
    layout = TableLayout(
        table_id,
        RECONCILIATIONS,
        description="One row per total, layer and comparison: does the layer hold what the source held?",
        partition_by="reconciled_at",
    )
    ensure_table(client, layout)
    stamp = f"timestamp '{result.reconciled_at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00:00'"
    values = ",\n".join(
        f"({stamp}, {each.batch_id}, '{each.table}', '{each.control}', '{each.layer}', "
        f"cast('{each.source}' as {TOTAL}), cast('{each.value}' as {TOTAL}), {str(each.is_equal).lower()})"
        for each in result.comparisons
    )
    columns = ", ".join(field.name for field in RECONCILIATIONS)
    sql = f"insert into `{table_id}` ({columns}) values\n{values}"
    execute(client, sql, timeout_s=settings.query_timeout_s)


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
        f"(batch {each.batch_id})"
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


def plain(value: Decimal) -> str:
    """Return the number without trailing zeros and without an exponent: 30000, 1.5."""
    return f"{value.normalize():f}" if value else "0"
