"""The models that a load fills: staging, the raw vault, and incremental models of other layers."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from metadata.naming import RAW_SOURCE

STAGING, RAW_VAULT = "staging", "raw_vault"
GROWING = "growing"  # meta of a bridge: {hub: role} of the hubs of which it reads only touched key ranges


@dataclass(frozen=True)
class RawTable:
    """A raw table. `relation`: its full name in SQL."""

    name: str
    dataset: str
    relation: str


@dataclass(frozen=True)
class VaultModel:
    """One model.

    `raw_tables`: names of all raw tables that it depends on, directly or indirectly.
    `stages`: ids of the stages that it reads.
    `numbers`: {column in the raw tables `sources`: integer column by whose ranges a table is partitioned};
    only touched ranges of it are read.
    """

    id: str
    name: str
    layer: str
    dataset: str
    table: str
    relation: str
    columns: tuple[str, ...]
    raw_tables: frozenset[str]
    stages: frozenset[str]
    numbers: Mapping[str, str]
    sources: frozenset[str]

    @property
    def keeps_rows(self) -> bool:
        """Whether the table keeps its rows from load to load, unlike a stage."""
        return self.layer != STAGING


def vault_models(manifest: Any) -> tuple[VaultModel, ...]:
    """Return the models that a load of this dbt project fills; none if it has no vault.

    `manifest`: dbt's Manifest.
    """
    raw_tables: dict[str, frozenset[str]] = {}
    models = tuple(
        _vault_model(node, manifest, raw_tables)
        for node in manifest.nodes.values()
        if node.resource_type == "model"
        and node.package_name == manifest.metadata.project_name
        and _is_filled_by_load(node)
    )
    return models if any(each.layer in (STAGING, RAW_VAULT) for each in models) else ()


def depending_on(models: Iterable[VaultModel], tables: Collection[str] | None) -> frozenset[str]:
    """Return the ids of the models that depend on one of these raw tables; None: of all models."""
    return frozenset(each.id for each in models if tables is None or not each.raw_tables.isdisjoint(tables))


def raw_sources(manifest: Any) -> dict[str, RawTable]:
    """Return the raw tables that the project reads, by name."""
    return {
        source.identifier: RawTable(source.identifier, source.schema, str(source.relation_name))
        for source in manifest.sources.values()
        if source.source_name == RAW_SOURCE
    }


def _is_filled_by_load(node: Any) -> bool:
    return _layer(node) in (STAGING, RAW_VAULT) or node.config.materialized == "incremental"


def _layer(node: Any) -> str:
    return str(node.fqn[1])


def _vault_model(node: Any, manifest: Any, raw_tables: dict[str, frozenset[str]]) -> VaultModel:
    number = _number(node)
    growing = node.config.meta.get(GROWING, {}) if number else {}
    own = {number.strip("`"): number} if number else {}
    parents = [manifest.nodes[each] for each in node.depends_on.nodes if each in manifest.nodes]
    return VaultModel(
        id=node.unique_id,
        name=node.name,
        layer=_layer(node),
        dataset=node.schema,
        table=node.alias,
        relation=str(node.relation_name),
        columns=tuple(name.lower() for name in node.columns),
        raw_tables=_raw_tables(node.unique_id, manifest, raw_tables),
        stages=frozenset(each.unique_id for each in parents if _layer(each) == STAGING),
        numbers=own | {f"{role}_id": f"{hub}_id" for hub, role in growing.items()},
        sources=_sources(parents, manifest, raw_tables, number) if number else frozenset(),
    )


def _number(node: Any) -> str | None:
    partition = node.config.get("partition_by") or {}
    return str(partition["field"]) if partition.get("data_type") == "int64" else None


def _sources(
    parents: Iterable[Any], manifest: Any, raw_tables: dict[str, frozenset[str]], number: str
) -> frozenset[str]:
    """Return the raw tables of the stages, or of the raw vault tables with the same partitions."""
    found = [each for each in parents if _layer(each) == STAGING or _number(each) == number]
    return frozenset().union(*(_raw_tables(each.unique_id, manifest, raw_tables) for each in found))


def _raw_tables(unique_id: str, manifest: Any, known: dict[str, frozenset[str]]) -> frozenset[str]:
    if unique_id in known:
        return known[unique_id]
    source, node = manifest.sources.get(unique_id), manifest.nodes.get(unique_id)
    if source is not None:
        found = frozenset({source.identifier} if source.source_name == RAW_SOURCE else ())
    else:
        parents = node.depends_on.nodes if node is not None else ()
        found = frozenset().union(*(_raw_tables(each, manifest, known) for each in parents))
    known[unique_id] = found
    return found
