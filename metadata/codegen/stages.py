"""Plan the staging models: hash keys, hashdiffs and status stages."""

from collections.abc import Iterable

from metadata import naming
from metadata.check_vault import HUBS_FILE, table_file
from metadata.codegen.models import (
    Field,
    Hash,
    Stage,
)
from metadata.mappings import Hub, HubMapping, Link, NonHistorizedLinkMapping
from metadata.spec import Column, Table


def select(table: Table, names: Iterable[str]) -> tuple[Column, ...]:
    return tuple(table.column(name) for name in names)


def fields(columns: Iterable[Column]) -> tuple[Field, ...]:
    return tuple(Field(column.name, column.description, column.is_personal) for column in columns)


def hub_key(table: Table, hub: Hub) -> tuple[Column, ...]:
    return select(table, hub.business_key)


def key_hash(model: str, concept: str, key: tuple[Column, ...]) -> Hash:
    description = f"Hash key of {model}; null if a part of the business key is null."
    return Hash(naming.hash_key(concept), description, key, key=True)


def _hashdiff(model: str, columns: tuple[Column, ...]) -> Hash:
    return Hash(naming.stage_hashdiff(model), f"Hashdiff of {model}.", columns)


def _link_hashes(table: Table, key: Hash, link: Link) -> list[Hash]:
    related = select(table, link.columns)
    references = [_reference_hash(column) for column in related]
    whole = naming.link_hash_key(link.name)
    effectivity = naming.effectivity(link.name)
    return [
        *references,
        Hash(whole, f"Hash key of {naming.link(link.name)}.", (*key.columns, *related)),
        Hash(
            naming.stage_hashdiff(effectivity),
            f"Hashdiff of {effectivity}: the hash of the relationship.",
            text_of=whole,
        ),
    ]


def _reference_hash(column: Column) -> Hash:
    """Return the hash of one foreign key of a link."""
    description = f"Hash of {column.name}; the zero key if it is null."
    return Hash(naming.hash_key(naming.role(column.name)), description, (column,))


def hub_stage(table: Table, mapping: HubMapping, key: Hash) -> Stage:
    links = _link_hashes(table, key, mapping.link) if mapping.link else []
    hashes = (key, *links, *_hashdiffs(table, mapping))
    sources = (table_file(table), HUBS_FILE)
    return Stage(table.stage_name, table, hashes, table.loaded_columns, False, sources)


def event_stage(table: Table, mapping: NonHistorizedLinkMapping, key: Hash) -> Stage:
    references = [_reference_hash(column) for column in select(table, mapping.columns)]
    own_hubs = [
        key_hash(naming.hub(hub), hub, (table.column(column),)) for column, hub in mapping.hub_keys.items()
    ]
    hashes = (key, *references, *own_hubs, *_hashdiffs(table, mapping))
    sources = (table_file(table), HUBS_FILE) if own_hubs else (table_file(table),)
    return Stage(table.stage_name, table, hashes, table.loaded_columns, False, sources)


def _hashdiffs(table: Table, mapping: HubMapping | NonHistorizedLinkMapping) -> list[Hash]:
    return [
        _hashdiff(naming.satellite(mapping.concept, satellite.topic), select(table, satellite.columns))
        for satellite in mapping.satellites
    ]


def reference_stage(table: Table, key: Hash, code_list: str) -> Stage:
    hashes = (key, _hashdiff(naming.reference(code_list), table.loaded_columns))
    return Stage(table.stage_name, table, hashes, table.loaded_columns, False, (table_file(table),))


def status_stage(table: Table, key: Hash, status_model: str) -> Stage:
    change_type = Column(name=naming.CHANGE_TYPE, type="text", description="Kind of change.")
    hashes = (key, _hashdiff(status_model, (change_type,)))
    name = naming.status_stage(table.name)
    return Stage(name, table, hashes, select(table, table.primary_key), True, (table_file(table),))
