"""Which models the catalog asks for.

A table mapped to a hub gives a stage, a status stage, satellites, a status satellite and, where its rows
refer to other hubs, a link with its effectivity satellite. A code list gives a stage, a status stage, a
table `ref_*` and its status.
"""

from collections.abc import Iterable

from metadata import naming
from metadata.check import HUBS_FILE, table_file
from metadata.models import Field, Hash, HubModel, LinkModel, Plan, Role, SatelliteModel, Stage
from metadata.spec import Catalog, Column, Hub, HubMapping, Link, ReferenceMapping, Table

_IS_DELETED = Field(naming.IS_DELETED, "The row is gone from the source since load_dts.")


def plan(catalog: Catalog) -> Plan:
    """Return the models for a catalog that has passed its checks."""
    stages: list[Stage] = []
    links: list[LinkModel] = []
    satellites: list[SatelliteModel] = []
    for table in catalog.tables:
        match table.vault:
            case HubMapping() as mapping:
                key = _key_hash(catalog, mapping.hub)
                stages += [_hub_stage(table, mapping, key), _status_stage(table, key, _status_of(mapping))]
                satellites += _satellites(table, mapping)
                if mapping.link:
                    links.append(_link(table, mapping.hub, mapping.link, catalog))
                    satellites.append(_effectivity(table, mapping.hub, mapping.link))
            case ReferenceMapping(reference=name):
                key = _reference_key(table, name)
                status = naming.reference_status(name)
                stages += [_reference_stage(table, key, name), _status_stage(table, key, status)]
                satellites += _references(table, name)
    return Plan(
        tables=catalog.tables,
        stages=tuple(sorted(stages, key=lambda stage: stage.name)),
        hubs=tuple(_hub(hub, catalog) for hub in catalog.hubs),
        links=tuple(sorted(links, key=lambda link: link.name)),
        satellites=tuple(sorted(satellites, key=lambda satellite: satellite.name)),
    )


def _select(table: Table, names: Iterable[str]) -> tuple[Column, ...]:
    return tuple(table.column(name) for name in names)


def _fields(columns: Iterable[Column]) -> tuple[Field, ...]:
    return tuple(Field(column.name, column.description, column.is_personal) for column in columns)


def _tables_of(hub: str, catalog: Catalog) -> list[Table]:
    return [
        table for table in catalog.tables if isinstance(table.vault, HubMapping) and table.vault.hub == hub
    ]


def _status_of(mapping: HubMapping) -> str:
    return naming.satellite(mapping.hub, naming.STATUS)


# hashes


def _key_hash(catalog: Catalog, concept: str) -> Hash:
    table = _tables_of(concept, catalog)[0]
    key = _select(table, catalog.hub(concept).business_key)
    description = f"Hash of the key of {naming.hub(concept)}; null when a part of the key is."
    return Hash(naming.hash_key(concept), description, key, key=True)


def _reference_key(table: Table, code_list: str) -> Hash:
    description = f"Hash of the key of {naming.reference(code_list)}; null when a part of the key is."
    return Hash(naming.hash_key(code_list), description, _select(table, table.primary_key), key=True)


def _hashdiff(model: str, columns: tuple[Column, ...]) -> Hash:
    return Hash(naming.stage_hashdiff(model), f"Hash of what {model} tracks.", columns)


def _link_hashes(table: Table, key: Hash, link: Link) -> list[Hash]:
    related = _select(table, link.columns)
    ends = [
        Hash(
            naming.hash_key(naming.role(column.name)),
            f"Hash of {column.name}; that of the zero key when it is null.",
            (column,),
        )
        for column in related
    ]
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


# stages


def _hub_stage(table: Table, mapping: HubMapping, key: Hash) -> Stage:
    links = _link_hashes(table, key, mapping.link) if mapping.link else []
    hashdiffs = [
        _hashdiff(naming.satellite(mapping.hub, satellite.topic), _select(table, satellite.columns))
        for satellite in mapping.satellites
    ]
    sources = (table_file(table), HUBS_FILE)
    return Stage(table.stage_name, table, (key, *links, *hashdiffs), table.loaded_columns, False, sources)


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
    return HubModel(
        hub=hub,
        key=_select(tables[0], hub.business_key),
        stages=tuple(table.stage_name for table in tables),
        sources=(HUBS_FILE, *(table_file(table) for table in tables)),
    )


def _link(table: Table, concept: str, link: Link, catalog: Catalog) -> LinkModel:
    roles = [
        Role(
            hash_key=naming.hash_key(naming.role(column.name)),
            hub=naming.hub(_target_hub(column, catalog)),
            hub_key=naming.hash_key(_target_hub(column, catalog)),
            column=column,
            declared=column.name not in table.undeclared_foreign_keys,
        )
        for column in _select(table, link.columns)
    ]
    return LinkModel(
        name=naming.link(link.name),
        description=link.description,
        hash_key=naming.link_hash_key(link.name),
        driving_key=naming.hash_key(concept),
        driving_hub=naming.hub(concept),
        roles=tuple(roles),
        stage=table.stage_name,
        sources=(table_file(table),),
    )


def _target_hub(column: Column, catalog: Catalog) -> str:
    mapping = catalog.table((column.references or "").rpartition(".")[0]).vault
    assert isinstance(mapping, HubMapping), f"{column.name} passed the checks without a hub"
    return mapping.hub


def _satellites(table: Table, mapping: HubMapping) -> list[SatelliteModel]:
    """The satellites of one stage; the first and the status, which has a stage of its own, name the parent.

    All of them take their keys from the same rows of the stage, so more tests would say nothing more.
    """
    hash_key, hub = naming.hash_key(mapping.hub), naming.hub(mapping.hub)
    satellites = [
        SatelliteModel(
            name=naming.satellite(mapping.hub, satellite.topic),
            description=satellite.description,
            hash_key=hash_key,
            hash_key_description=f"Key of {hub}.",
            payload=_fields(_select(table, satellite.columns)),
            stage=table.stage_name,
            sources=(table_file(table),),
            parent=None if number else hub,
        )
        for number, satellite in enumerate(mapping.satellites)
    ]
    status = SatelliteModel(
        name=_status_of(mapping),
        description=f"Whether the row of {table.qualified} exists, is gone, or came back.",
        hash_key=hash_key,
        hash_key_description=f"Key of {hub}.",
        payload=(_IS_DELETED,),
        stage=naming.status_stage(table.name),
        sources=(table_file(table),),
        parent=hub,
    )
    return [*satellites, status]


def _effectivity(table: Table, concept: str, link: Link) -> SatelliteModel:
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
        is_reference=True,
    )
    return [reference, status]
