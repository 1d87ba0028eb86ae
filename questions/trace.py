"""From a figure of a fact to what it was made of: the vault's rows, their batches, and the row of the source.

Where the parts stand comes from the metadata: a source row's place in the vault from its table's mapping, the
formula of a figure from the control totals that metadata/reconciliation.yml gives each column of a mart. The
formula is computed again over raw, so a trace also tells whether the figure is what raw says. A handful of
statements serves any number of rows of one fact. Personal columns are left out.
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

from ingestion import ledger
from ingestion.bigquery import connect, query
from ingestion.chain import raw_table
from ingestion.settings import PROJECT_ROOT, Layer, Settings
from metadata import naming
from metadata.errors import WwiError, did_you_mean
from metadata.reconciliation import Fact
from metadata.spec import LOOKED_UP, Catalog, EventMapping, HubMapping, Table
from questions.layers import looked_up

Row = dict[str, Any]
PIT_FOLDER = PROJECT_ROOT / "vault" / "models" / "business_vault"
FORMULA = "formula__"
WORD = re.compile(r"\b[a-z]\w*(?:\.[a-z]\w*)?\b")
SHOWN_ROWS = 20


@dataclass(frozen=True)
class Part:
    """A row of vault or raw that a row of the fact rests on. `values`: its columns, without personal ones."""

    kind: str
    name: str
    load_dts: str | None
    batch_id: int | None
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """A figure of the mart. `filled`: its formula with the values of raw, `computed`: what that gives."""

    column: str
    value: Decimal | None
    formula: str
    filled: str
    computed: Decimal | None

    @property
    def is_equal(self) -> bool:
        """Whether the mart shows what raw gives."""
        return self.value == self.computed


@dataclass(frozen=True)
class Trace:
    """One row of a fact, all the way home. `row`: as the mart has it, `parts`: in the order of the way.

    `differs`: columns in which the mart, the vault and raw do not agree; empty in a sound warehouse.
    """

    fact: str
    key: int
    source: str
    source_key: Mapping[str, Any]
    row: Mapping[str, Any]
    figures: tuple[Figure, ...]
    parts: tuple[Part, ...]
    differs: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Made:
    """What a sum over a fact is made of. `rows`: the first of them by size, as (key, batch, value).

    `computed`: the same sum taken over raw by the formula. `batches`: {batch: rows}.
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


def trace(
    settings: Settings, catalog: Catalog, facts: Sequence[Fact], name: str, keys: Sequence[int]
) -> tuple[Trace, ...]:
    """Return the traces of these rows of the fact, by key. Raises WwiError when one is not there."""
    client = connect(settings, "trace")
    found: dict[int, Trace] = {}
    for fact in _named(facts, name):
        found |= {each.key: each for each in _traces(client, settings, catalog, fact, keys)}
    lacking = [str(key) for key in keys if key not in found]
    if lacking:
        column = _named(facts, name)[0].key
        raise WwiError(f"{name} has no row with {column} {', '.join(lacking)}.")
    return tuple(found[key] for key in sorted(found))


def made_of(  # noqa: PLR0913, PLR0917 - a sum, and where everything stands
    settings: Settings, catalog: Catalog, facts: Sequence[Fact], name: str, measure: str, condition: str
) -> Made:
    """Tell which rows of the fact the sum of `measure` over those with `condition` (SQL) is made of.

    Raises WwiError for a measure that the fact does not have.
    """
    client = connect(settings, "trace")
    rows: list[Row] = []
    computed = Decimal(0)
    for fact in _named(facts, name):
        table = catalog.table(fact.source)
        _formula(fact, table, measure)
        chosen = f"({condition})" + (f" and ({fact.where})" if fact.where else "")
        source_key = fact.source_key or fact.key
        mart = _name(settings, "marts", fact.name)
        rows += query(
            client,
            f"select {fact.key} as row_key, {measure} as value, lineage_key, is_deleted "
            f"from {mart} where {chosen}",
            timeout_s=settings.query_timeout_s,
        )
        source_keys = f"select {source_key} from {mart} where {chosen}"
        from_raw = raw_statement(settings, catalog, fact, source_keys, [measure])
        sums = query(
            client,
            f"select sum({FORMULA}{measure}) as total from (\n{from_raw}\n)",
            timeout_s=settings.query_timeout_s,
        )
        computed += Decimal(sums[0]["total"] or 0) if sums else Decimal(0)
    batches: dict[int, int] = defaultdict(int)
    for row in rows:
        batches[row["lineage_key"]] += 1
    values = [(row["row_key"], row["lineage_key"], Decimal(row["value"] or 0)) for row in rows]
    return Made(
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


def _named(facts: Sequence[Fact], name: str) -> list[Fact]:
    found = [fact for fact in facts if fact.name == name]
    if not found:
        raise WwiError(f"no fact '{name}'. {did_you_mean(name, sorted({fact.name for fact in facts}))}")
    return found


def _formula(fact: Fact, table: Table, measure: str) -> str:
    formulas = fact.formulas(table)
    if measure not in formulas:
        raise WwiError(f"{fact.name} has no figure '{measure}'. {did_you_mean(measure, formulas)}")
    return formulas[measure]


def _traces(
    client: Client, settings: Settings, catalog: Catalog, fact: Fact, keys: Sequence[int]
) -> Iterator[Trace]:
    table = catalog.table(fact.source)
    (key_column,) = table.primary_key
    listed = ", ".join(map(str, keys))
    where = f"{fact.key} in ({listed})" + (f" and ({fact.where})" if fact.where else "")
    limit = settings.query_timeout_s
    mart = query(
        client, f"select * from {_name(settings, 'marts', fact.name)} where {where}", timeout_s=limit
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


def raw_statement(
    settings: Settings, catalog: Catalog, fact: Fact, source_keys: str, measures: Sequence[str]
) -> str:
    """The source rows as raw had them last, with the formulas computed over them.

    `source_keys`: what may stand within `in (...)`. Columns: source_key, row_json, batch_id, load_dts, then
    `formula__<column of the mart>`. A row that is gone from the source is shown as it was last.
    """
    table = catalog.table(fact.source)
    (key,) = table.primary_key
    open_columns = [column.name for column in table.loaded_columns if not column.is_personal]
    needed = sorted({*open_columns, *table.control_columns, *table.primary_key})
    rows = _last(settings, table, needed, f"and {key} in ({source_keys})")
    for lookup in catalog.lookups(table):
        names = sorted({*lookup.columns, *lookup.table.primary_key})
        rows = looked_up(rows, lookup, _last(settings, lookup.table, names))
    formulas = fact.formulas(table)
    computed = "".join(f",\n    {_joined(formulas[measure])} as {FORMULA}{measure}" for measure in measures)
    return f"""select
    one_row.{key} as source_key, one_row.batch_id, one_row.load_dts,
    to_json_string(one_row) as row_json{computed}
from ({rows}) as one_row"""


def _joined(formula: str) -> str:
    """A formula with the looked-up columns under the names that they have in the joined rows."""
    return re.sub(r"\b([a-z]\w*)\.([a-z]\w*)\b", rf"\1{LOOKED_UP}\2", formula)


def _last(settings: Settings, table: Table, columns: Sequence[str], condition: str = "") -> str:
    listed = ", ".join(columns)
    key = ", ".join(table.primary_key)
    return f"""select {listed}, batch_id, load_dts
        from {raw_table(settings, table.qualified)}
        where change_type = 'upsert' and batch_id in ({ledger.completed(settings)}) {condition}
        qualify row_number() over (partition by {key} order by load_dts desc) = 1"""


def parts_statement(settings: Settings, catalog: Catalog, table: Table, source_keys: str) -> str:
    """Every row of the vault that these source rows rest on now: source_key, kind, name, row_json."""
    mapping = table.vault
    assert isinstance(mapping, HubMapping | EventMapping), f"{table.qualified} is no fact's source"
    vault = _Vault(settings, naming.hash_key(mapping.concept))
    (key,) = table.primary_key
    names = [naming.satellite(mapping.concept, satellite.topic) for satellite in mapping.satellites]
    selects = [vault.newest("point in time", name, layer="business_vault") for name in points_in_time(names)]
    if isinstance(mapping, EventMapping):
        selects.append(vault.newest("event", mapping.parent))
    else:
        selects.append(vault.newest("hub", mapping.parent))
        if mapping.link:
            selects.append(vault.newest("effectivity", naming.effectivity(mapping.link.name)))
            selects.append(vault.link(mapping.link.name))
            ends = {name: _hub_of(catalog, table, name) for name in mapping.link.columns}
            selects += [
                vault.end(name, hub, naming.role(name), mapping.link.name) for name, hub in ends.items()
            ]
    for name, satellite in zip(names, mapping.satellites, strict=True):
        selects.append(vault.newest("satellite", name, is_personal=satellite.personal))
    selects.append(vault.newest("status", mapping.status))
    parents = (
        f"select {key} as source_key, {vault.key}\n    from {vault.name(mapping.parent)}\n"
        f"    where {key} in ({source_keys})"
    )
    return f"with parents as (\n    {parents}\n)\n\n" + "\nunion all\n".join(selects)


def points_in_time(satellites: Sequence[str]) -> list[str]:
    """The point-in-time tables that take all of these satellites together."""
    return [
        path.stem
        for path in sorted(PIT_FOLDER.glob("pit_*.sql"))
        if satellites and all(f"'{name}'" in path.read_text(encoding="utf-8") for name in satellites)
    ]


def _hub_of(catalog: Catalog, table: Table, column: str) -> str:
    target = catalog.referred(table, column).vault
    assert isinstance(target, HubMapping), f"{column} passed the checks without a hub"
    return target.hub


class _Vault:
    """The selects of the parts of rows whose hash keys are in `parents`."""

    def __init__(self, settings: Settings, key: str) -> None:
        self._settings, self.key = settings, key

    def name(self, model: str, layer: Layer = "raw_vault") -> str:
        return _name(self._settings, layer, model)

    def newest(self, kind: str, model: str, *, is_personal: bool = False, layer: Layer = "raw_vault") -> str:
        """The newest record of a table under the same hash key; of a personal one, not what it says."""
        columns = f"{self.key}, hashdiff, load_dts, record_source" if is_personal else "*"
        rows = f"""select {columns}
        from {self.name(model, layer)}
        where {self.key} in (select {self.key} from parents)
        qualify rank() over (partition by {self.key} order by load_dts desc) = 1"""
        return self._part(kind, model, rows, f"parents.{self.key} = one_row.{self.key}")

    def link(self, link: str) -> str:
        """The link row that is in force."""
        key = naming.link_hash_key(link)
        rows = f"""select link.*, in_force.{self.key} as driving_hk
        from {self.name(naming.link(link))} as link
        inner join ({self._in_force(link)}) as in_force on link.{key} = in_force.{key}"""
        return self._part("link", naming.link(link), rows, f"parents.{self.key} = one_row.driving_hk")

    def end(self, column: str, hub: str, role: str, link: str) -> str:
        """The hub that a link points to under a role."""
        role_key, hub_key = naming.hash_key(role), naming.hash_key(hub)
        key = naming.link_hash_key(link)
        ends = f"""select in_force.{self.key} as driving_hk, link.{role_key} as end_hk
        from {self.name(naming.link(link))} as link
        inner join ({self._in_force(link)}) as in_force on link.{key} = in_force.{key}"""
        rows = f"""select hub.*, ends.driving_hk, '{column}' as source_column
        from {self.name(naming.hub(hub))} as hub
        inner join ({ends}) as ends on hub.{hub_key} = ends.end_hk"""
        return self._part("end", naming.hub(hub), rows, f"parents.{self.key} = one_row.driving_hk")

    def _in_force(self, link: str) -> str:
        return f"""select {self.key}, {naming.link_hash_key(link)}
            from {self.name(naming.effectivity(link))}
            where {self.key} in (select {self.key} from parents)
            qualify rank() over (partition by {self.key} order by load_dts desc) = 1"""

    @staticmethod
    def _part(kind: str, model: str, rows: str, condition: str) -> str:
        return f"""select
    parents.source_key, '{kind}' as kind, '{model}' as name, to_json_string(one_row) as row_json
from parents
inner join ({rows}) as one_row on {condition}"""


ORDER = ("point in time", "hub", "event", "effectivity", "link", "end", "satellite", "status")
PLUMBING = ("load_dts", "record_source", "hashdiff", "driving_hk", "source_column", "batch_id")


def _part(row: Row, batches: Mapping[str, int]) -> Part:
    told = json.loads(row["row_json"])
    load_dts = told.get("load_dts")
    return Part(row["kind"], row["name"], load_dts, batches.get(_moment(load_dts)), told)


def _raw_part(table: Table, delivered: Row | None, values: Row, batches: Mapping[str, int]) -> Iterator[Part]:
    if delivered:
        own = {column.name for column in table.columns if not column.is_personal}
        told = {name: value for name, value in values.items() if name in own or LOOKED_UP in name}
        load_dts = values["load_dts"]
        yield Part("raw", table.raw_name, load_dts, batches.get(_moment(load_dts)), told)


def _batches(client: Client, settings: Settings) -> dict[str, int]:
    """{load time: batch}: the vault knows when, the ledger which batch that was."""
    sql = (
        f"select batch_id, load_dts from {ledger.table_name(settings, 'batches')} where status = 'completed'"
    )
    return {
        row["load_dts"].isoformat(timespec="microseconds"): int(row["batch_id"])
        for row in query(client, sql, timeout_s=settings.query_timeout_s)
    }


def _moment(text: str | None) -> str:
    """A time out of JSON, spelled as `_batches` does; both engines leave zeros out in their own way."""
    if not text:
        return ""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).isoformat(timespec="microseconds")


def _order(part: Part) -> tuple[int, str]:
    return ORDER.index(part.kind), part.name


def _differences(
    figures: Iterable[Figure], parts: Iterable[Part], values: Row, is_delivered: bool
) -> Iterator[str]:
    """Where the mart is not what the formula gives over raw, or the vault holds another value than raw."""
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
                if not name.endswith("_hk") and name not in PLUMBING
            )
            if values.get(column, key) != key:
                yield f"{part.name}: {key} in the vault, {values[column]} in raw"
        elif part.kind in {"satellite", "hub"}:  # an event's link keeps what came first
            for name, value in part.values.items():
                if name in values and name not in PLUMBING and values[name] != value:
                    yield f"{part.name}.{name}: {value} in the vault, {values[name]} in raw"


def _filled(formula: str, values: Row) -> str:
    """The formula with each column replaced by its value."""

    def value(found: re.Match[str]) -> str:
        name = found[0].replace(".", LOOKED_UP)
        if name not in values:
            return found[0]
        told = values[name]
        return "null" if told is None else str(told).lower() if isinstance(told, bool) else str(told)

    return WORD.sub(value, formula)


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value)).normalize() + 0


def _name(settings: Settings, layer: Layer, model: str) -> str:
    return f"`{settings.project}.{settings.dataset(layer)}.{model}`"
