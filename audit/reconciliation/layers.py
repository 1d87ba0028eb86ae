"""The SQL that computes the control totals of raw, raw vault or marts and compares them with the source.

One statement per layer reads every table once. The warehouse adds up each business day and compares it with
the daily total in the ledger; the result is one row per total, plus the days that differ. A tie for the
newest record is counted twice on purpose: a duplicate row must show as a difference.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from audit.delivery import newest, table_from_vault
from config.settings import Layer, Settings
from metadata import naming
from metadata.reconciliation import Fact
from metadata.spec import Catalog, Lookup, Table
from warehouse.ledger.tables import completed_batches_query
from warehouse.queries import PLAIN_NUMERIC

TOTAL = PLAIN_NUMERIC
DAY = "control_day"
SHOWN_DAYS = 20
NO_DAY = "cast(null as date)"


@dataclass(frozen=True)
class Totals:
    """A SELECT of rows with their `control_day`, and the controls to add up: {name: SQL}.

    `label` is unique in the layer; `table` is the source table to compare with. `by_day`: rows have a
    business day. `layer`: name to report, if it differs from the name of the layer.
    """

    label: str
    table: str
    controls: Mapping[str, str]
    rows: str
    by_day: bool = False
    layer: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the totals: "rows", then the controls."""
        return ("rows", *self.controls)


@dataclass(frozen=True)
class DailyTotalsBatch:
    """The latest batch with daily control totals of a table."""

    batch_id: int
    load_dts: datetime


def raw_totals(catalog: Catalog, table: Table, settings: Settings) -> Totals:
    """Return the totals of raw: the newest record of every key in completed batches, without deletes."""
    rows = _raw_rows(table, table.control_columns, settings)
    for lookup in catalog.lookups(table):
        rows = join_lookup(rows, lookup, _raw_rows(lookup.table, set(lookup.columns), settings))
    return _totals(table, rows)


def vault_totals(catalog: Catalog, table: Table, settings: Settings) -> Totals | None:
    """Return the totals of the table's current rows in the raw vault; None for a table that is not mapped."""
    if table.vault is None:
        return None
    rows = table_from_vault(catalog, table, settings, columns=table.control_columns)
    for lookup in catalog.lookups(table):
        needed = {*lookup.table.primary_key, *lookup.columns}
        found = table_from_vault(catalog, lookup.table, settings, columns=needed, whole=False)
        rows = join_lookup(rows, lookup, found)
    return _totals(table, rows)


def mart_totals(fact: Fact, settings: Settings) -> Totals:
    """Return the totals of the rows of a fact whose source rows still exist."""
    conditions = [f"not {naming.IS_DELETED}", *([f"({fact.where})"] if fact.where else [])]
    day = f"cast({naming.quoted(fact.day)} as date)" if fact.day else NO_DAY
    rows = (
        f"select *, {day} as {DAY} from `{_dataset(settings, 'marts')}.{fact.name}` "
        f"where {' and '.join(conditions)}"
    )
    measures = {control: naming.quoted(column) for control, column in fact.measures.items()}
    return Totals(fact.label, fact.source, measures, rows, fact.day is not None, fact.name)


def statement(selects: Sequence[Totals], daily: Mapping[str, DailyTotalsBatch], settings: Settings) -> str:
    """Return one statement with a row per total, and one per day that differs, at most 20 for each total.

    Columns: label, control, `total` of the layer, `days` compared, `days_different`; then `day` with its
    `source_value` and `layer_value`, valid only if the table has daily totals and the two differ.
    `daily`: {source table: batch with its daily totals}. A total without a row is zero.
    """
    parts = [_aggregate(select) for select in selects]
    parts += _source_days([each for each in selects if each.by_day and each.table in daily], daily, settings)
    both_sides = "\nunion all\n".join(parts)
    return f"""with
both_sides as (
{both_sides}
),

days as (
    select
        label,
        control,
        day,
        sum(source_value) as source_value,
        sum(layer_value) as layer_value
    from both_sides
    group by label, control, day
)

select
    label,
    control,
    day,
    source_value,
    layer_value,
    sum(layer_value) over (partition by label, control) as total,
    count(*) over (partition by label, control) as days,
    sum(if(source_value != layer_value, 1, 0)) over (partition by label, control) as days_different
from days
where true
qualify row_number() over (
    partition by label, control, source_value != layer_value order by day
) <= if(source_value != layer_value, {SHOWN_DAYS}, 1)"""


def _aggregate(select: Totals) -> str:
    """Select a row per day and total of the layer."""
    if not select.controls:
        return f"""select
    '{select.label}' as label, 'rows' as control, {DAY} as day, cast(0 as {TOTAL}) as source_value,
    cast(count(*) as {TOTAL}) as layer_value
from ({select.rows})
group by {DAY}"""
    sums = {"rows": "count(*)"} | {
        name: f"coalesce(sum(cast({sql} as {TOTAL})), 0)" for name, sql in select.controls.items()
    }
    structs = ", ".join(
        f"struct('{name}' as control, cast({sql} as {TOTAL}) as value)" for name, sql in sums.items()
    )
    return f"""select
    '{select.label}' as label, total.control, grouped.day, cast(0 as {TOTAL}) as source_value,
    total.value as layer_value
from (
    select {DAY} as day, [{structs}] as totals
    from ({select.rows})
    group by {DAY}
) as grouped
cross join unnest(grouped.totals) as total"""


def _source_days(
    selects: Sequence[Totals], daily: Mapping[str, DailyTotalsBatch], settings: Settings
) -> Iterator[str]:
    """Select the source's daily totals from the ledger, with literals so that partitions are pruned."""
    groups: dict[tuple[DailyTotalsBatch, str, str], list[Totals]] = {}
    for each in selects:
        is_table = each.label == each.table
        label = "table_name" if is_table else f"'{each.label}'"
        names = "" if is_table else ", ".join(f"'{name}'" for name in each.names)
        groups.setdefault((daily[each.table], label, names), []).append(each)
    for (when, label, names), members in groups.items():
        tables = ", ".join(f"'{each.table}'" for each in members)
        load_dts = f"timestamp '{when.load_dts.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00:00'"
        only = f"and control in ({names})" if names else ""
        yield f"""select
    {label} as label, control, day, cast(value as {TOTAL}) as source_value, cast(0 as {TOTAL}) as layer_value
from `{_dataset(settings, "audit")}.daily_totals`
where load_dts = {load_dts} and batch_id = {when.batch_id} and table_name in ({tables}) {only}"""


def _totals(table: Table, rows: str) -> Totals:
    day = f"cast({naming.quoted(table.day)} as date)" if table.day else NO_DAY
    dated = f"select *, {day} as {DAY} from ({rows})"
    return Totals(table.qualified, table.qualified, table.warehouse_controls, dated, table.day is not None)


def join_lookup(rows: str, lookup: Lookup, found: str) -> str:
    """Add the columns that are looked up in another table."""
    (key,) = lookup.table.primary_key
    names = ", ".join(f"{naming.quoted(name)} as {lookup.name(name)}" for name in lookup.columns)
    return f"""select line.*, found.* except (found_key)
    from ({rows}) as line
    left join (select {naming.quoted(key)} as found_key, {names} from ({found})) as found
        on line.{naming.quoted(lookup.through)} = found.found_key"""


def _raw_rows(table: Table, columns: frozenset[str] | set[str], settings: Settings) -> str:
    listed = ", ".join(map(naming.quoted, sorted(columns | set(table.primary_key))))
    return f"""
        select {listed} from (
            select {listed}, {naming.CHANGE_TYPE}
            from `{_dataset(settings, "raw")}.{table.raw_name}`
            where {naming.BATCH_ID} in ({completed_batches_query(settings)})
            qualify {newest(*table.primary_key)}
        ) where {naming.CHANGE_TYPE} = 'upsert'"""


def _dataset(settings: Settings, layer: Layer) -> str:
    return f"{settings.project}.{settings.dataset(layer)}"
