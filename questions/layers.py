"""The SQL that counts and adds up the present state of a layer: raw, raw vault and marts.

One statement per layer, one row per table: its row count in `total_0`, its control totals in `total_1`
and so on in the order of `Table.controls`, so that every table is read once. A tie for the newest record
is counted twice on purpose: a doubled row is a difference, not something to pick one of.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ingestion.settings import Layer, Settings
from metadata import naming
from metadata.reconciliation import Fact
from metadata.spec import HubMapping, ReferenceMapping, Table

# engine: numeric - it is (38, 9) on BigQuery; said in full, for the emulator makes less of the bare word
TOTAL = "numeric(38, 9)"


@dataclass(frozen=True)
class Totals:
    """One select over one table, and the names of its totals: "rows", then the controls."""

    label: str
    names: tuple[str, ...]
    expressions: tuple[str, ...]
    rows: str


def raw_totals(table: Table, settings: Settings) -> Totals:
    """Newest record of every key among the completed batches, unless it is a delete."""
    columns = _needed(table) | set(table.primary_key)
    rows = f"""
        select {", ".join(sorted(columns))}, {naming.CHANGE_TYPE}
        from `{_dataset(settings, "raw")}.{table.raw_name}`
        where {naming.BATCH_ID} in (
            select batch_id from `{_dataset(settings, "audit")}.batches` where status = 'completed'
        )
        qualify {_newest(*table.primary_key)}"""
    return _totals(table, f"select * from ({rows}\n    ) where {naming.CHANGE_TYPE} = 'upsert'")


def vault_totals(table: Table, settings: Settings) -> Totals | None:
    """What the raw vault holds now of the table's rows; None for a table that is not mapped."""
    match table.vault:
        case HubMapping() as mapping:
            return _totals(table, _hub_rows(table, mapping, settings))
        case ReferenceMapping() as mapping:
            return _totals(table, _reference_rows(table, mapping, settings))
        case _:
            return None


def _hub_rows(table: Table, mapping: HubMapping, settings: Settings) -> str:
    """Hub, status and the satellites that hold a column of a total."""
    key, needed = naming.hash_key(mapping.hub), _needed(table)
    holding = [
        _latest(naming.satellite(mapping.hub, satellite.topic), key, columns, settings)
        for satellite in mapping.satellites
        if (columns := sorted(needed & set(satellite.columns)))
    ]
    status = _latest(naming.satellite(mapping.hub, naming.STATUS), key, [naming.IS_DELETED], settings)
    hub = f"select {key} from `{_dataset(settings, 'raw_vault')}.{naming.hub(mapping.hub)}`"
    return _joined(key, hub, status, *holding)


def _reference_rows(table: Table, mapping: ReferenceMapping, settings: Settings) -> str:
    key = naming.hash_key(mapping.reference)
    codes = _latest(naming.reference(mapping.reference), key, sorted(_needed(table)), settings)
    status = _latest(naming.reference_status(mapping.reference), key, [naming.IS_DELETED], settings)
    return _joined(key, codes, status)


def _joined(key: str, first: str, *others: str) -> str:
    joins = "".join(f"\n    inner join ({other}) using ({key})" for other in others)
    return f"select * from ({first}){joins}\n    where not {naming.IS_DELETED}"


def mart_totals(fact: Fact, settings: Settings) -> Totals:
    """The rows of a fact whose source rows still exist."""
    own = f" and ({fact.where})" if fact.where else ""
    rows = f"select * from `{_dataset(settings, 'marts')}.{fact.name}` where not {naming.IS_DELETED}{own}"
    return Totals(fact.label, ("rows", *fact.measures), tuple(fact.measures.values()), rows)


def statement(selects: Sequence[Totals]) -> str:
    """Return one statement with a row per select: label, total_0, total_1 ... as many as the widest has."""
    width = max(len(select.names) for select in selects)
    return "\nunion all\n".join(_aggregate(select, width) for select in selects)


def _aggregate(select: Totals, width: int) -> str:
    totals = ["count(*)", *(f"coalesce(sum({expression}), 0)" for expression in select.expressions)]
    totals += ["null"] * (width - len(totals))
    columns = ",\n    ".join(f"cast({sql} as {TOTAL}) as total_{number}" for number, sql in enumerate(totals))
    return f"select\n    '{select.label}' as label,\n    {columns}\nfrom (\n    {select.rows}\n)"


def _totals(table: Table, rows: str) -> Totals:
    return Totals(table.qualified, ("rows", *table.controls), tuple(table.controls.values()), rows)


def _needed(table: Table) -> set[str]:
    """The columns that occur in the table's controls."""
    words = set(re.findall(r"\w+", " ".join(table.controls.values())))
    return {column.name for column in table.columns} & words


def _latest(name: str, key: str, columns: Iterable[str], settings: Settings) -> str:
    listed = "".join(f", {column}" for column in columns)
    # `where true`: BigQuery long refused a QUALIFY that stands alone
    table = f"`{_dataset(settings, 'raw_vault')}.{name}`"
    return f"select {key}{listed} from {table} where true qualify {_newest(key)}"


def _newest(*key: str) -> str:
    return f"rank() over (partition by {', '.join(key)} order by {naming.LOAD_DTS} desc) = 1"


def _dataset(settings: Settings, layer: Layer) -> str:
    return f"{settings.project}.{settings.dataset(layer)}"
