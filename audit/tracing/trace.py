"""Trace a figure of a fact back to its rows in the vault, their batches and the source row.

The metadata say where these are stored: the mapping of the source table names its vault tables, and
metadata/reconciliation.yml gives the formula of each measure. The formula is computed again over raw, so a
trace also checks the figure. A fixed number of statements serves any number of rows of one fact. Personal
columns are left out.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from google.cloud.bigquery import Client

from audit.loaded import require_batches
from audit.tracing.statements import FORMULA, parts_statement, raw_statement, table_name
from config.settings import Settings
from metadata.errors import WwiError, did_you_mean
from metadata.reconciliation import Fact
from metadata.spec import LOOKED_UP, Catalog, Table
from warehouse.client import connect
from warehouse.ledger import tables
from warehouse.queries import query

Row = dict[str, Any]
WORD = re.compile(r"`?\b[a-z]\w*(?:\.[a-z]\w*)?\b`?")


@dataclass(frozen=True)
class Part:
    """A row of vault or raw behind a row of the fact. `values`: its columns, without personal ones."""

    kind: str
    name: str
    load_dts: str | None
    batch_id: int | None
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """A figure of the mart. `filled`: its formula with the values of raw, `computed`: the result."""

    column: str
    value: Decimal | None
    formula: str
    filled: str
    computed: Decimal | None

    @property
    def is_equal(self) -> bool:
        """Whether the mart has the value computed from raw."""
        return self.value == self.computed


@dataclass(frozen=True)
class Trace:
    """One row of a fact with its origins. `row`: the mart's row, `parts`: from the vault back to raw.

    `differs`: where mart, vault and raw disagree; empty in a consistent warehouse.
    """

    fact: str
    key: int
    source: str
    source_key: Mapping[str, Any]
    row: Mapping[str, Any]
    figures: tuple[Figure, ...]
    parts: tuple[Part, ...]
    differs: tuple[str, ...] = field(default=())


def trace(
    settings: Settings,
    catalog: Catalog,
    facts: Sequence[Fact],
    name: str,
    keys: Sequence[int],
) -> tuple[Trace, ...]:
    """Return the traces of these rows of the fact, by key. Raises WwiError if a key does not exist."""
    named = facts_by_name(facts, name)
    client = connect(settings, "trace")
    require_batches(settings)
    found: dict[int, Trace] = {}
    for fact in named:
        found |= {each.key: each for each in _traces(client, settings, catalog, fact, keys)}
    missing = [str(key) for key in keys if key not in found]
    if missing:
        raise WwiError(f"{name} has no row with {named[0].key} {', '.join(missing)}.")
    return tuple(found[key] for key in sorted(found))


def facts_by_name(facts: Sequence[Fact], name: str) -> list[Fact]:
    """Return the fact's entries, one for each source table. Raises WwiError for an unknown fact."""
    found = [fact for fact in facts if fact.name == name]
    if not found:
        raise WwiError(f"no fact '{name}'. {did_you_mean(name, sorted({fact.name for fact in facts}))}")
    return found


def check_figure(catalog: Catalog, named: Sequence[Fact], measure: str) -> None:
    """Raise WwiError unless every entry of the fact has this figure."""
    for fact in named:
        formulas = fact.formulas(catalog.table(fact.source))
        if measure not in formulas:
            raise WwiError(f"{fact.name} has no figure '{measure}'. {did_you_mean(measure, formulas)}")


def _traces(
    client: Client, settings: Settings, catalog: Catalog, fact: Fact, keys: Sequence[int]
) -> Iterator[Trace]:
    table = catalog.table(fact.source)
    (key_column,) = table.primary_key
    listed = ", ".join(map(str, keys))
    where = f"{fact.key} in ({listed})" + (f" and ({fact.where})" if fact.where else "")
    limit = settings.query_timeout_s
    mart = query(
        client, f"select * from {table_name(settings, 'marts', fact.name)} where {where}", timeout_s=limit
    )
    if not mart:
        return
    source_keys = ", ".join(str(row[fact.source_key or fact.key]) for row in mart)
    formulas = fact.formulas(table)
    raw = {
        row["source_key"]: row
        for row in query(
            client, raw_statement(settings, catalog, fact, source_keys, list(formulas)), timeout_s=limit
        )
    }
    batches = _batches(client, settings)
    parts: dict[int, list[Part]] = defaultdict(list)
    for row in query(client, parts_statement(settings, catalog, table, source_keys), timeout_s=limit):
        parts[row["source_key"]].append(_part(row, batches))
    for row in mart:
        source_key = int(row[fact.source_key or fact.key])
        delivered = raw.get(source_key)
        values = json.loads(delivered["row_json"]) if delivered else {}
        figures = tuple(
            Figure(
                column,
                _decimal(row[column]),
                formula,
                _filled(formula, values),
                _decimal(delivered[f"{FORMULA}{column}"]) if delivered else None,
            )
            for column, formula in formulas.items()
        )
        way = [*sorted(parts[source_key], key=_order), *_raw_part(table, delivered, values, batches)]
        yield Trace(
            fact.name,
            int(row[fact.key]),
            fact.source,
            {key_column: source_key},
            row,
            figures,
            tuple(way),
            tuple(_differences(figures, parts[source_key], values, bool(delivered))),
        )


ORDER = ("point in time", "hub", "event", "effectivity", "link", "end", "satellite", "status")
SYSTEM_COLUMNS = ("load_dts", "record_source", "hashdiff", "driving_hk", "source_column", "batch_id")


def _part(row: Row, batches: Mapping[str, int]) -> Part:
    values = json.loads(row["row_json"])
    load_dts = values.get("load_dts")
    return Part(row["kind"], row["name"], load_dts, batches.get(_normalized_time(load_dts)), values)


def _raw_part(table: Table, delivered: Row | None, values: Row, batches: Mapping[str, int]) -> Iterator[Part]:
    if delivered:
        own = {column.name for column in table.columns if not column.is_personal}
        shown = {name: value for name, value in values.items() if name in own or LOOKED_UP in name}
        load_dts = values["load_dts"]
        yield Part("raw", table.raw_name, load_dts, batches.get(_normalized_time(load_dts)), shown)


def _batches(client: Client, settings: Settings) -> dict[str, int]:
    """Return {load time: batch}: rows of the vault have a load time, but no batch ID."""
    sql = (
        f"select batch_id, load_dts from {tables.table_name(settings, 'batches')} where status = 'completed'"
    )
    return {
        row["load_dts"].isoformat(timespec="microseconds"): int(row["batch_id"])
        for row in query(client, sql, timeout_s=settings.query_timeout_s)
    }


def _normalized_time(text: str | None) -> str:
    """Format a time from JSON as `_batches` does: BigQuery and the emulator omit zeros differently."""
    if not text:
        return ""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).isoformat(timespec="microseconds")


def _order(part: Part) -> tuple[int, str]:
    return ORDER.index(part.kind), part.name


def _differences(
    figures: Iterable[Figure], parts: Iterable[Part], values: Row, is_delivered: bool
) -> Iterator[str]:
    """Yield where the mart differs from the formula over raw, or the vault from raw."""
    if not is_delivered:
        yield "raw has no row with this key"
        return
    for figure in figures:
        if not figure.is_equal:
            yield f"{figure.column}: {figure.value} in the mart, {figure.computed} from raw"
    for part in parts:
        if part.kind == "end":
            column = part.values["source_column"]
            key = next(
                value
                for name, value in part.values.items()
                if not name.endswith("_hk") and name not in SYSTEM_COLUMNS
            )
            if values.get(column, key) != key:
                yield f"{part.name}: {key} in the vault, {values[column]} in raw"
        elif part.kind in {"satellite", "hub"}:  # a non-historized link keeps the first values
            for name, value in part.values.items():
                if name in values and name not in SYSTEM_COLUMNS and values[name] != value:
                    yield f"{part.name}.{name}: {value} in the vault, {values[name]} in raw"


def _filled(formula: str, values: Row) -> str:
    """Return the formula with each column replaced by its value."""

    def value(found: re.Match[str]) -> str:
        name = found[0].strip("`").replace(".", LOOKED_UP)
        if name not in values:
            return found[0]
        content = values[name]
        if content is None:
            return "null"
        return str(content).lower() if isinstance(content, bool) else str(content)

    return WORD.sub(value, formula)


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value)).normalize() + 0
