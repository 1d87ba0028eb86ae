"""Which models the catalog asks for.

A table mapped to a hub gives a stage, a status stage, satellites, a status satellite and, where its rows
refer to other hubs, a link with its effectivity satellite. A table of events gives a non-historized link in
place of hub and link. A code list gives a stage, a status stage, a table `ref_*` and its status.
"""

from metadata import naming
from metadata.check_vault import HUBS_FILE, table_file
from metadata.codegen.models import (
    EventLinkModel,
    Field,
    HubModel,
    LinkModel,
    Plan,
    Role,
    SatelliteModel,
    Stage,
)
from metadata.codegen.stages import (
    event_stage,
    fields,
    hub_key,
    hub_stage,
    key_hash,
    reference_stage,
    select,
    status_stage,
)
from metadata.mappings import EventMapping, Hub, HubMapping, Link, ReferenceMapping
from metadata.spec import Catalog, Column, Table

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
                business_key = hub_key(table, catalog.hub(mapping.hub))
                key = key_hash(mapping.parent, mapping.hub, business_key)
                stages += [hub_stage(table, mapping, key), status_stage(table, key, mapping.status)]
                satellites += _satellites(table, mapping, _ranged_by(business_key))
                if mapping.link:
                    links.append(_link(table, mapping.hub, mapping.link, catalog))
                    by = _ranged_by(business_key)
                    satellites.append(_effectivity(table, mapping.hub, mapping.link, by))
            case EventMapping() as mapping:
                key = key_hash(mapping.parent, mapping.event, select(table, table.primary_key))
                stages += [event_stage(table, mapping, key), status_stage(table, key, mapping.status)]
                events.append(_event(table, mapping, catalog))
                satellites += _satellites(table, mapping, _ranged_by(key.columns))
            case ReferenceMapping(reference=name):
                key = key_hash(naming.reference(name), name, select(table, table.primary_key))
                status = naming.reference_status(name)
                stages += [reference_stage(table, key, name), status_stage(table, key, status)]
                satellites += _references(table, name)
    return Plan(
        tables=catalog.tables,
        stages=tuple(sorted(stages, key=lambda stage: stage.name)),
        hubs=tuple(_hub(hub, catalog) for hub in catalog.hubs),
        links=tuple(sorted(links, key=lambda link: link.name)),
        events=tuple(sorted(events, key=lambda event: event.name)),
        satellites=tuple(sorted(satellites, key=lambda satellite: satellite.name)),
    )


def _ranged_by(key: tuple[Column, ...]) -> Field | None:
    """The key, when it is one whole number."""
    return fields(key)[0] if len(key) == 1 and key[0].kind == "integer" else None


def _tables_of(hub: str, catalog: Catalog) -> list[Table]:
    """The tables that bring keys of the hub: first the one that it is about, then the others by name."""
    bringing = [table for table in catalog.tables if table.vault and hub in table.vault.hubs]
    return sorted(bringing, key=lambda table: getattr(table.vault, "aspect", None) is not None)


def _hub(hub: Hub, catalog: Catalog) -> HubModel:
    tables = _tables_of(hub.name, catalog)
    key = hub_key(tables[0], hub)
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
        ranged_by=_ranged_by(hub_key(table, catalog.hub(concept))),
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
        occurred=fields([table.column(mapping.occurred)])[0],
        payload=fields(select(table, table.primary_key)),
        stage=table.stage_name,
        sources=(table_file(table), HUBS_FILE) if brought else (table_file(table),),
        ranged_by=_ranged_by(select(table, table.primary_key)),
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
            payload=fields(select(table, satellite.columns)),
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
        payload=fields(table.loaded_columns),
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
