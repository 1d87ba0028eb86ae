"""Which models the catalog asks for.

A table mapped to a hub gives a stage, a status stage, satellites, a status satellite and, where its rows
refer to other hubs, a link with its effectivity satellite. A table of events gives a non-historized link in
place of hub and link. A code list gives a stage, a status stage, a table `ref_*` and its status.
"""

from collections.abc import Iterable

from metadata import naming
from metadata.check import HUBS_FILE, table_file
from metadata.models import (
    EventLinkModel,
    Field,
    Hash,
    HubModel,
    LinkModel,
    Plan,
    Role,
    SatelliteModel,
    Stage,
)
from metadata.spec import Catalog, Column, EventMapping, Hub, HubMapping, Link, ReferenceMapping, Table

_IS_DELETED = Field(naming.IS_DELETED, "The row is gone from the source since load_dts.")


def plan(catalog: Catalog) -> Plan:
    """Return the models for a catalog that has passed its checks."""
    stages: list[Stage] = []
    links: list[LinkModel] = []
    events: list[EventLinkModel] = []
    satellites: list[SatelliteModel] = []
    for table in catalog.tables:
        match table.vault:
            case HubMapping() as mapping:
                business_key = _hub_key(table, catalog.hub(mapping.hub))
                key = _key_hash(mapping.parent, mapping.hub, business_key)
                stages += [_hub_stage(table, mapping, key), _status_stage(table, key, mapping.status)]
                satellites += _satellites(table, mapping, _ranged_by(business_key))
                if mapping.link:
                    links.append(_link(table, mapping.hub, mapping.link, catalog))
                    by = _ranged_by(business_key)
                    satellites.append(_effectivity(table, mapping.hub, mapping.link, by))
            case EventMapping() as mapping:
                key = _key_hash(mapping.parent, mapping.event, _select(table, table.primary_key))
                stages += [_event_stage(table, mapping, key), _status_stage(table, key, mapping.status)]
                events.append(_event(table, mapping, catalog))
                satellites += _satellites(table, mapping, _ranged_by(key.columns))
            case ReferenceMapping(reference=name):
                key = _key_hash(naming.reference(name), name, _select(table, table.primary_key))
                status = naming.reference_status(name)
                stages += [_reference_stage(table, key, name), _status_stage(table, key, status)]
                satellites += _references(table, name)
    return Plan(
        tables=catalog.tables,
        stages=tuple(sorted(stages, key=lambda stage: stage.name)),
        hubs=tuple(_hub(hub, catalog) for hub in catalog.hubs),
        links=tuple(sorted(links, key=lambda link: link.name)),
        events=tuple(sorted(events, key=lambda event: event.name)),
        satellites=tuple(sorted(satellites, key=lambda satellite: satellite.name)),
    )


def _select(table: Table, names: Iterable[str]) -> tuple[Column, ...]:
    return tuple(table.column(name) for name in names)


def _fields(columns: Iterable[Column]) -> tuple[Field, ...]:
    return tuple(Field(column.name, column.description, column.is_personal) for column in columns)


def _ranged_by(key: tuple[Column, ...]) -> Field | None:
    """The key, when it is one whole number."""
    return _fields(key)[0] if len(key) == 1 and key[0].kind == "integer" else None


def _tables_of(hub: str, catalog: Catalog) -> list[Table]:
    """The tables that bring keys of the hub: first the one that it is about, then the others by name."""
    bringing = [table for table in catalog.tables if table.vault and hub in table.vault.hubs]
    return sorted(bringing, key=lambda table: getattr(table.vault, "aspect", None) is not None)


def _hub_key(table: Table, hub: Hub) -> tuple[Column, ...]:
    return _select(table, hub.business_key)


# hashes


def _key_hash(model: str, concept: str, key: tuple[Column, ...]) -> Hash:
    description = f"Hash of the key of {model}; null when a part of the key is."
    return Hash(naming.hash_key(concept), description, key, key=True)


def _hashdiff(model: str, columns: tuple[Column, ...]) -> Hash:
    return Hash(naming.stage_hashdiff(model), f"Hash of what {model} tracks.", columns)


def _link_hashes(table: Table, key: Hash, link: Link) -> list[Hash]:
    related = _select(table, link.columns)
    ends = [_end(column) for column in related]
    whole = naming.link_hash_key(link.name)
    effectivity = naming.effectivity(link.name)
    return [
        *ends,
        Hash(whole, f"Hash of all keys of {naming.link(link.name)}.", (*key.columns, *related)),
        Hash(
            naming.stage_hashdiff(effectivity),
            f"Hash of what {effectivity} tracks: the relationship itself.",
            text_of=whole,
        ),
    ]


def _end(column: Column) -> Hash:
    """The hash of one reference of a link."""
    description = f"Hash of {column.name}; that of the zero key when it is null."
    return Hash(naming.hash_key(naming.role(column.name)), description, (column,))


# stages


def _hub_stage(table: Table, mapping: HubMapping, key: Hash) -> Stage:
    links = _link_hashes(table, key, mapping.link) if mapping.link else []
    hashes = (key, *links, *_hashdiffs(table, mapping))
    sources = (table_file(table), HUBS_FILE)
    return Stage(table.stage_name, table, hashes, table.loaded_columns, False, sources)


def _event_stage(table: Table, mapping: EventMapping, key: Hash) -> Stage:
    ends = [_end(column) for column in _select(table, mapping.columns)]
    brought = [
        _key_hash(naming.hub(hub), hub, (table.column(column),)) for column, hub in mapping.brings.items()
    ]
    hashes = (key, *ends, *brought, *_hashdiffs(table, mapping))
    sources = (table_file(table), HUBS_FILE) if brought else (table_file(table),)
    return Stage(table.stage_name, table, hashes, table.loaded_columns, False, sources)


def _hashdiffs(table: Table, mapping: HubMapping | EventMapping) -> list[Hash]:
    return [
        _hashdiff(naming.satellite(mapping.concept, satellite.topic), _select(table, satellite.columns))
        for satellite in mapping.satellites
    ]


def _reference_stage(table: Table, key: Hash, code_list: str) -> Stage:
    hashes = (key, _hashdiff(naming.reference(code_list), table.loaded_columns))
    return Stage(table.stage_name, table, hashes, table.loaded_columns, False, (table_file(table),))


def _status_stage(table: Table, key: Hash, status_model: str) -> Stage:
    change_type = Column(name=naming.CHANGE_TYPE, type="text", description="Kind of change.")
    hashes = (key, _hashdiff(status_model, (change_type,)))
    name = naming.status_stage(table.name)
    return Stage(name, table, hashes, _select(table, table.primary_key), True, (table_file(table),))


# raw vault


def _hub(hub: Hub, catalog: Catalog) -> HubModel:
    tables = _tables_of(hub.name, catalog)
    key = _hub_key(tables[0], hub)
    return HubModel(
        hub=hub,
        key=key,
        ranged_by=_ranged_by(key),
        stages=tuple(table.stage_name for table in tables),
        sources=(HUBS_FILE, *(table_file(table) for table in tables)),
    )


def _link(table: Table, concept: str, link: Link, catalog: Catalog) -> LinkModel:
    return LinkModel(
        name=naming.link(link.name),
        description=link.description,
        hash_key=naming.link_hash_key(link.name),
        driving_key=naming.hash_key(concept),
        driving_hub=naming.hub(concept),
        roles=tuple(_role(table, name, catalog) for name in link.columns),
        stage=table.stage_name,
        sources=(table_file(table),),
        ranged_by=_ranged_by(_hub_key(table, catalog.hub(concept))),
    )


def _role(table: Table, name: str, catalog: Catalog) -> Role:
    column = table.column(name)
    hub = _target_hub(column, catalog)
    return Role(
        hash_key=naming.hash_key(naming.role(name)),
        hub=naming.hub(hub),
        hub_key=naming.hash_key(hub),
        column=column,
    )


def _event(table: Table, mapping: EventMapping, catalog: Catalog) -> EventLinkModel:
    brought = [
        Role(naming.hash_key(hub), naming.hub(hub), naming.hash_key(hub), table.column(name))
        for name, hub in mapping.brings.items()
    ]
    return EventLinkModel(
        name=mapping.parent,
        description=mapping.description,
        hash_key=naming.hash_key(mapping.event),
        roles=(*(_role(table, name, catalog) for name in mapping.columns), *brought),
        occurred=_fields([table.column(mapping.occurred)])[0],
        payload=_fields(_select(table, table.primary_key)),
        stage=table.stage_name,
        sources=(table_file(table), HUBS_FILE) if brought else (table_file(table),),
        ranged_by=_ranged_by(_select(table, table.primary_key)),
    )


def _target_hub(column: Column, catalog: Catalog) -> str:
    mapping = catalog.table((column.references or "").rpartition(".")[0]).vault
    assert isinstance(mapping, HubMapping), f"{column.name} passed the checks without a hub"
    return mapping.hub


def _satellites(
    table: Table, mapping: HubMapping | EventMapping, ranged_by: Field | None
) -> list[SatelliteModel]:
    """The satellites of one stage; the first and the status, which has a stage of its own, name the parent.

    All of them take their keys from the same rows of the stage, so more tests would say nothing more.
    """
    hash_key, parent = naming.hash_key(mapping.concept), mapping.parent
    satellites = [
        SatelliteModel(
            name=naming.satellite(mapping.concept, satellite.topic),
            description=satellite.description,
            hash_key=hash_key,
            hash_key_description=f"Key of {parent}.",
            payload=_fields(_select(table, satellite.columns)),
            stage=table.stage_name,
            sources=(table_file(table),),
            parent=parent,
            tells_parent=number == 0,
            ranged_by=ranged_by,
        )
        for number, satellite in enumerate(mapping.satellites)
    ]
    status = SatelliteModel(
        name=mapping.status,
        description=f"Whether the row of {table.qualified} exists, is gone, or came back.",
        hash_key=hash_key,
        hash_key_description=f"Key of {parent}.",
        payload=(_IS_DELETED,),
        stage=naming.status_stage(table.name),
        sources=(table_file(table),),
        parent=parent,
        ranged_by=ranged_by,
    )
    return [*satellites, status]


def _effectivity(table: Table, concept: str, link: Link, ranged_by: Field | None) -> SatelliteModel:
    link_key, link_model = naming.link_hash_key(link.name), naming.link(link.name)
    return SatelliteModel(
        name=naming.effectivity(link.name),
        description=f"Which row of {link_model} is in force for a key, from load_dts to the next row.",
        hash_key=naming.hash_key(concept),
        hash_key_description=f"Key of {naming.hub(concept)}, which drives the relationship.",
        payload=(Field(link_key, f"Key of the row of {link_model} that is in force."),),
        stage=table.stage_name,
        sources=(table_file(table),),
        parent=link_model,
        ranged_by=ranged_by,
    )


def _references(table: Table, code_list: str) -> list[SatelliteModel]:
    hash_key, model = naming.hash_key(code_list), naming.reference(code_list)
    reference = SatelliteModel(
        name=model,
        description=f"{table.description.removesuffix('.')}; one row per code and change.",
        hash_key=hash_key,
        hash_key_description="Hash of the code.",
        payload=_fields(table.loaded_columns),
        stage=table.stage_name,
        sources=(table_file(table),),
        cluster_by=table.primary_key,
        is_reference=True,
    )
    status = SatelliteModel(
        name=naming.reference_status(code_list),
        description=f"Whether the row of {table.qualified} exists, is gone, or came back.",
        hash_key=hash_key,
        hash_key_description=f"Key of {model}.",
        payload=(_IS_DELETED,),
        stage=naming.status_stage(table.name),
        sources=(table_file(table),),
        parent=model,
        is_reference=True,
    )
    return [reference, status]
