"""Plan the models of a catalog.

A table mapped to a hub has a stage, a status stage, satellites, a status satellite and, if it refers to other
hubs, a link with its effectivity satellite. A table of events has a non-historized link instead of hub and
link. A code list has a stage, a status stage, a reference table `ref_*` and its status.
"""

from metadata import naming
from metadata.check_vault import HUBS_FILE, table_file
from metadata.codegen.models import (
    Field,
    HubModel,
    LinkModel,
    NonHistorizedLinkModel,
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
from metadata.mappings import Hub, HubMapping, Link, NonHistorizedLinkMapping, ReferenceMapping
from metadata.spec import Catalog, Column, Table

_IS_DELETED = Field(naming.IS_DELETED, "The row was deleted in the source at load_dts.")


def plan(catalog: Catalog) -> Plan:
    """Return the models of a checked catalog."""
    stages: list[Stage] = []
    links: list[LinkModel] = []
    events: list[NonHistorizedLinkModel] = []
    satellites: list[SatelliteModel] = []
    for table in catalog.tables:
        match table.vault:
            case HubMapping() as mapping:
                business_key = hub_key(table, catalog.hub(mapping.hub))
                key = key_hash(mapping.parent, mapping.hub, business_key)
                stages += [hub_stage(table, mapping, key), status_stage(table, key, mapping.status)]
                satellites += _satellites(table, mapping, _partition_key(business_key))
                if mapping.link:
                    links.append(_link(table, mapping.hub, mapping.link, catalog))
                    by = _partition_key(business_key)
                    satellites.append(_effectivity(table, mapping.hub, mapping.link, by))
            case NonHistorizedLinkMapping() as mapping:
                key = key_hash(mapping.parent, mapping.event, select(table, table.primary_key))
                stages += [event_stage(table, mapping, key), status_stage(table, key, mapping.status)]
                events.append(_event(table, mapping, catalog))
                satellites += _satellites(table, mapping, _partition_key(key.columns))
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


def _partition_key(key: tuple[Column, ...]) -> Field | None:
    """Return the key column if it is a single integer, else None."""
    return fields(key)[0] if len(key) == 1 and key[0].kind == "integer" else None


def _tables_of(hub: str, catalog: Catalog) -> list[Table]:
    """Return the tables that load the hub: the main table first, then others by name."""
    tables = [table for table in catalog.tables if table.vault and hub in table.vault.hubs]
    return sorted(tables, key=lambda table: getattr(table.vault, "aspect", None) is not None)


def _hub(hub: Hub, catalog: Catalog) -> HubModel:
    tables = _tables_of(hub.name, catalog)
    key = hub_key(tables[0], hub)
    return HubModel(
        hub=hub,
        key=key,
        partition_key=_partition_key(key),
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
        partition_key=_partition_key(hub_key(table, catalog.hub(concept))),
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


def _event(table: Table, mapping: NonHistorizedLinkMapping, catalog: Catalog) -> NonHistorizedLinkModel:
    own_hubs = [
        Role(naming.hash_key(hub), naming.hub(hub), naming.hash_key(hub), table.column(name))
        for name, hub in mapping.hub_keys.items()
    ]
    return NonHistorizedLinkModel(
        name=mapping.parent,
        description=mapping.description,
        hash_key=naming.hash_key(mapping.event),
        roles=(*(_role(table, name, catalog) for name in mapping.columns), *own_hubs),
        occurred=fields([table.column(mapping.occurred)])[0],
        payload=fields(select(table, table.primary_key)),
        stage=table.stage_name,
        sources=(table_file(table), HUBS_FILE) if own_hubs else (table_file(table),),
        partition_key=_partition_key(select(table, table.primary_key)),
    )


def _target_hub(column: Column, catalog: Catalog) -> str:
    mapping = catalog.table((column.references or "").rpartition(".")[0]).vault
    assert isinstance(mapping, HubMapping), f"{column.name} passed the checks without a hub"
    return mapping.hub


def _satellites(
    table: Table, mapping: HubMapping | NonHistorizedLinkMapping, partition_key: Field | None
) -> list[SatelliteModel]:
    """Return the satellites of a table and its status satellite.

    Only the first satellite and the status check their parent: the others have the same keys.
    """
    hash_key, parent = naming.hash_key(mapping.concept), mapping.parent
    satellites = [
        SatelliteModel(
            name=naming.satellite(mapping.concept, satellite.topic),
            description=satellite.description,
            hash_key=hash_key,
            hash_key_description=f"Hash key of {parent}.",
            payload=fields(select(table, satellite.columns)),
            stage=table.stage_name,
            sources=(table_file(table),),
            parent=parent,
            check_parent=number == 0,
            partition_key=partition_key,
        )
        for number, satellite in enumerate(mapping.satellites)
    ]
    status = SatelliteModel(
        name=mapping.status,
        description=f"Whether the row of {table.qualified} exists, was deleted, or came back.",
        hash_key=hash_key,
        hash_key_description=f"Hash key of {parent}.",
        payload=(_IS_DELETED,),
        stage=naming.status_stage(table.name),
        sources=(table_file(table),),
        parent=parent,
        partition_key=partition_key,
    )
    return [*satellites, status]


def _effectivity(table: Table, concept: str, link: Link, partition_key: Field | None) -> SatelliteModel:
    link_key, link_model = naming.link_hash_key(link.name), naming.link(link.name)
    return SatelliteModel(
        name=naming.effectivity(link.name),
        description=f"Row of {link_model} in force for each driving key, from load_dts to the next row.",
        hash_key=naming.hash_key(concept),
        hash_key_description=f"Driving key: hash key of {naming.hub(concept)}.",
        payload=(Field(link_key, f"Hash key of the row of {link_model} that is in force."),),
        stage=table.stage_name,
        sources=(table_file(table),),
        parent=link_model,
        partition_key=partition_key,
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
        description=f"Whether the row of {table.qualified} exists, was deleted, or came back.",
        hash_key=hash_key,
        hash_key_description=f"Hash key of {model}.",
        payload=(_IS_DELETED,),
        stage=naming.status_stage(table.name),
        sources=(table_file(table),),
        parent=model,
        is_reference=True,
    )
    return [reference, status]
