"""The statements of a trace: rows of raw with the formulas computed over them, and rows of the vault.

The metadata say where each is stored. Personal columns are left out.
"""

import re
from collections.abc import Sequence

from audit.reconciliation.layers import join_lookup
from config.settings import PROJECT_ROOT, Layer, Settings
from metadata import naming
from metadata.mappings import HubMapping, NonHistorizedLinkMapping
from metadata.reconciliation import Fact
from metadata.spec import LOOKED_UP, Catalog, Table
from warehouse.ledger.hash_chain import raw_table
from warehouse.ledger.tables import completed_batches_query

PIT_FOLDER = PROJECT_ROOT / "vault" / "models" / "business_vault"
FORMULA = "formula__"


def raw_statement(
    settings: Settings, catalog: Catalog, fact: Fact, source_keys: str, measures: Sequence[str]
) -> str:
    """Return the SELECT of the latest source rows in raw, with the formulas computed over them.

    `source_keys`: a list or subquery for `in (...)`. Columns: source_key, row_json, batch_id, load_dts, then
    `formula__<column of the mart>`. A row that was deleted in the source is returned with its last values.
    """
    table = catalog.table(fact.source)
    (key,) = table.primary_key
    open_columns = [column.name for column in table.loaded_columns if not column.is_personal]
    needed = sorted({*open_columns, *table.control_columns, *table.primary_key})
    rows = _last(settings, table, needed, f"and {naming.quoted(key)} in ({source_keys})")
    for lookup in catalog.lookups(table):
        names = sorted({*lookup.columns, *lookup.table.primary_key})
        rows = join_lookup(rows, lookup, _last(settings, lookup.table, names))
    formulas = fact.formulas(table)
    computed = "".join(f",\n    {_joined(formulas[measure])} as {FORMULA}{measure}" for measure in measures)
    return f"""select
    one_row.{naming.quoted(key)} as source_key, one_row.batch_id, one_row.load_dts,
    to_json_string(one_row) as row_json{computed}
from ({rows}) as one_row"""


def _joined(formula: str) -> str:
    """Return the formula with looked-up columns under their names in the joined rows."""
    return re.sub(r"\b([a-z]\w*)\.([a-z]\w*)\b", rf"\1{LOOKED_UP}\2", formula)


def _last(settings: Settings, table: Table, columns: Sequence[str], condition: str = "") -> str:
    listed = ", ".join(map(naming.quoted, columns))
    key = ", ".join(map(naming.quoted, table.primary_key))
    return f"""select {listed}, batch_id, load_dts
        from {raw_table(settings, table.qualified)}
        where change_type = 'upsert' and batch_id in ({completed_batches_query(settings)}) {condition}
        qualify row_number() over (partition by {key} order by load_dts desc) = 1"""


def parts_statement(settings: Settings, catalog: Catalog, table: Table, source_keys: str) -> str:
    """Return the SELECT of the current vault rows of these source rows: source_key, kind, name, row_json."""
    mapping = table.vault
    assert isinstance(mapping, HubMapping | NonHistorizedLinkMapping), (
        f"{table.qualified} is not the source of a fact"
    )
    vault = _Vault(settings, naming.hash_key(mapping.concept))
    key = naming.quoted(*table.primary_key)
    names = [naming.satellite(mapping.concept, satellite.topic) for satellite in mapping.satellites]
    selects = [vault.newest("point in time", name, layer="business_vault") for name in points_in_time(names)]
    if isinstance(mapping, NonHistorizedLinkMapping):
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
    """Return the point-in-time (PIT) tables that read all of these satellites."""
    return [
        path.stem
        for path in sorted(PIT_FOLDER.glob("pit_*.sql"))
        if satellites and all(f"'{name}'" in path.read_text(encoding="utf-8") for name in satellites)
    ]


def _hub_of(catalog: Catalog, table: Table, column: str) -> str:
    target = catalog.referenced_table(table, column).vault
    assert isinstance(target, HubMapping), f"{column} passed the checks without a hub"
    return target.hub


class _Vault:
    """Build the selects of vault rows for the hash keys in `parents`."""

    def __init__(self, settings: Settings, key: str) -> None:
        self._settings, self.key = settings, key

    def name(self, model: str, layer: Layer = "raw_vault") -> str:
        return table_name(self._settings, layer, model)

    def newest(self, kind: str, model: str, *, is_personal: bool = False, layer: Layer = "raw_vault") -> str:
        """Select the newest record of each hash key; of a personal satellite only the system columns."""
        columns = f"{self.key}, hashdiff, load_dts, record_source" if is_personal else "*"
        rows = f"""select {columns}
        from {self.name(model, layer)}
        where {self.key} in (select {self.key} from parents)
        qualify rank() over (partition by {self.key} order by load_dts desc) = 1"""
        return self._part(kind, model, rows, f"parents.{self.key} = one_row.{self.key}")

    def link(self, link: str) -> str:
        """Select the current link row."""
        key = naming.link_hash_key(link)
        rows = f"""select link.*, in_force.{self.key} as driving_hk
        from {self.name(naming.link(link))} as link
        inner join ({self._in_force(link)}) as in_force on link.{key} = in_force.{key}"""
        return self._part("link", naming.link(link), rows, f"parents.{self.key} = one_row.driving_hk")

    def end(self, column: str, hub: str, role: str, link: str) -> str:
        """Select the hub that a link points to under a role."""
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


def table_name(settings: Settings, layer: Layer, model: str) -> str:
    """Return the quoted name of a table."""
    return f"`{settings.project}.{settings.dataset(layer)}.{model}`"
