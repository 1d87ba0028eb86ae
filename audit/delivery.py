"""The SQL that reads a source table back from the raw vault alone, as of any load.

A row is joined from its hub (or non-historized link, or reference table), the newest records of its status
and of its satellites, and the current relationship with the business keys of its hubs. A tie for the newest
record returns the row twice on purpose, so that duplicates in the vault are visible.
"""

from collections.abc import Collection
from datetime import datetime

from config.settings import Settings
from metadata import naming
from metadata.mappings import HubMapping, NonHistorizedLinkMapping, ReferenceMapping
from metadata.spec import Catalog, Table
from warehouse.queries import timestamp_literal


def table_from_vault(  # noqa: PLR0913 - a table, its context, and three ways to narrow the result
    catalog: Catalog,
    table: Table,
    settings: Settings,
    *,
    columns: Collection[str] | None = None,
    as_of: datetime | None = None,
    whole: bool = True,
) -> str:
    """Return a SELECT of the table's loaded columns, or of `columns`, in the order of the source.

    `as_of`: load time of the last batch to include (with zone); default all. `whole`: require every satellite
    and relationship of a row, not only those that the columns need. Raises ValueError for a table that is
    not mapped to the vault.
    """
    wanted = [
        column.name for column in table.loaded_columns if columns is None or column.name in set(columns)
    ]
    match table.vault:
        case HubMapping() as mapping:
            parts = _Parts(catalog, table, settings, mapping.concept, as_of)
            parts.start(mapping.parent, table.primary_key, wanted)
            if mapping.link and (whole or set(mapping.link.columns) & set(wanted)):
                parts.relationship(mapping.link.name, mapping.link.columns, wanted)
        case NonHistorizedLinkMapping() as mapping:
            parts = _Parts(catalog, table, settings, mapping.concept, as_of)
            parts.start(mapping.parent, table.primary_key, wanted)
        case ReferenceMapping(reference=name):
            parts = _Parts(catalog, table, settings, name, as_of)
            parts.start(naming.reference(name), wanted, wanted, is_versioned=True)
            return parts.sql(naming.reference_status(name), wanted)
        case _:
            raise ValueError(f"{table.qualified} is not mapped to the vault.")
    for satellite in mapping.satellites:
        if whole or set(satellite.columns) & set(wanted):
            parts.satellite(naming.satellite(mapping.concept, satellite.topic), satellite.columns, wanted)
    return parts.sql(mapping.status, wanted)


class _Parts:
    """The joins that build a row, and the join that each column comes from."""

    def __init__(
        self, catalog: Catalog, table: Table, settings: Settings, concept: str, as_of: datetime | None
    ) -> None:
        self._catalog, self._table, self._settings = catalog, table, settings
        self._key = naming.hash_key(concept)
        self._as_of = as_of
        self._joins: list[str] = []
        self._from: dict[str, str] = {}

    def start(
        self, model: str, columns: Collection[str], wanted: Collection[str], *, is_versioned: bool = False
    ) -> None:
        """Start with the model that contains the keys, and take these columns from it."""
        chosen = [name for name in columns if name in wanted]
        rows = self._latest(model, chosen) if is_versioned else self._name(model)
        self._joins.append(f"{rows} as parent")
        self._from |= {name: f"parent.{naming.quoted(name)}" for name in chosen}

    def satellite(self, model: str, columns: Collection[str], wanted: Collection[str]) -> None:
        """Join the newest record of a satellite."""
        chosen = [name for name in columns if name in wanted]
        self._inner(self._latest(model, chosen), model, f"parent.{self._key} = {model}.{self._key}")
        self._from |= {name: f"{model}.{naming.quoted(name)}" for name in chosen}

    def relationship(self, link: str, columns: Collection[str], wanted: Collection[str]) -> None:
        """Join the current row of the link, and the hubs of the wanted columns."""
        link_key = naming.link_hash_key(link)
        in_force = self._latest(naming.effectivity(link), [link_key])
        self._inner(in_force, "in_force", f"parent.{self._key} = in_force.{self._key}")
        self._inner(self._name(naming.link(link)), "link", f"in_force.{link_key} = link.{link_key}")
        for name in columns:
            if name in wanted:
                self._reference(name)

    def _reference(self, column: str) -> None:
        """Read a reference from the hub that it points to; the zero key is in no hub and returns null."""
        target = self._catalog.referenced_table(self._table, column).vault
        assert isinstance(target, HubMapping), f"{column} passed the checks without a hub"
        (key,) = self._catalog.hub(target.hub).business_key
        alias, hash_key = f"hub_of_{column}", naming.hash_key(naming.role(column))
        rows, hub_key = self._name(naming.hub(target.hub)), naming.hash_key(target.hub)
        self._joins.append(f"left join {rows} as {alias} on link.{hash_key} = {alias}.{hub_key}")
        self._from[column] = f"{alias}.{naming.quoted(key)}"

    def sql(self, status: str, wanted: Collection[str]) -> str:
        """Return the complete SELECT, without rows that the source has deleted."""
        rows = self._latest(status, [naming.IS_DELETED])
        self._inner(rows, "status", f"parent.{self._key} = status.{self._key}")
        listed = (
            ", ".join(f"{self._from[name]} as {naming.quoted(name)}" for name in wanted)
            or f"parent.{self._key}"
        )
        joins = "\n".join(self._joins)
        return f"select {listed}\nfrom {joins}\nwhere not status.{naming.IS_DELETED}"

    def _inner(self, rows: str, alias: str, condition: str) -> None:
        self._joins.append(f"inner join {rows} as {alias} on {condition}")

    def _latest(self, model: str, columns: Collection[str]) -> str:
        listed = "".join(f", {naming.quoted(name)}" for name in columns)
        until = "true" if self._as_of is None else f"{naming.LOAD_DTS} <= {timestamp_literal(self._as_of)}"
        return (
            f"(select {self._key}{listed} from {self._name(model)} where {until} qualify {newest(self._key)})"
        )

    def _name(self, model: str) -> str:
        return f"`{self._settings.project}.{self._settings.dataset('raw_vault')}.{model}`"


def newest(*key: str) -> str:
    """Return the condition for the newest record of the key; a tie keeps all of them."""
    listed = ", ".join(map(naming.quoted, key))
    return f"rank() over (partition by {listed} order by {naming.LOAD_DTS} desc) = 1"
