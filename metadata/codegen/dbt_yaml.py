"""Generate dbt YAML: sources, models with descriptions of every column, and structural tests.

There are few tests, since each runs a query on every load:
    hub, link        `integrity`: the hash key is unique and not null, it contains every key of its
                     satellites, and satellites have one row per key and load
    link             `known_parents`, a warning: each hub key except the zero key is in its hub; the source
                     may lack the row. `refers_to`, an error: the same for hubs loaded from the same stage
    code list        `one_row_per_load`: one row per key and load, also in its status
Errors of the platform stop the run; data that the source may contain only causes warnings.
"""

from collections.abc import Iterable, Iterator

from metadata import naming
from metadata.codegen.dbt_sources import SOURCE, audit_source, raw_source
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
from metadata.codegen.render import satellite_folder
from metadata.codegen.yaml_text import Entry, column_entries, column_entry, yaml_of

Children = dict[str, list[SatelliteModel]]


Reference = tuple[str, str, str]  # a column, the hub that must hold its values, and the key of the hub


_LOAD = Field(naming.LOAD_DTS, "Load time (UTC) of the batch that first had the row.")


_HASHDIFF = Field(naming.HASHDIFF, "Hash of the tracked columns; a row is added when it changes.")


def yaml_files(plan: Plan) -> dict[str, str]:
    """Return {path below vault/models: YAML}: the sources, and one file per folder of models."""
    children: Children = {}
    for satellite in plan.satellites:
        if satellite.parent:
            children.setdefault(satellite.parent, []).append(satellite)
    files = {
        "staging/_wwi__sources.yml": {"sources": [raw_source(plan.tables), audit_source()]},
        "staging/_wwi__models.yml": {"models": [_stage(stage) for stage in plan.stages]},
        "raw_vault/hubs/_hubs.yml": {"models": [_hub(hub, children.get(hub.name, [])) for hub in plan.hubs]},
        "raw_vault/links/_links.yml": {
            "models": [
                *(_link(link, children.get(link.name, []), plan) for link in plan.links),
                *(_event(event, children.get(event.name, []), plan) for event in plan.events),
            ]
        },
    }
    for folder in sorted({satellite_folder(satellite) for satellite in plan.satellites}):
        models = [
            _satellite(satellite, children.get(satellite.name, []))
            for satellite in plan.satellites
            if satellite_folder(satellite) == folder
        ]
        files[f"{folder}/_{folder.rpartition('/')[2]}.yml"] = {"models": models}
    return {path: yaml_of(content) for path, content in files.items()}


def _partition_field(number: Field) -> Field:
    """Describe the partition column of a table that does not have it otherwise."""
    return Field(number.name, f"{number.description} The table is partitioned by it.", number.personal)


def _integrity(model: str, satellites: Iterable[SatelliteModel]) -> list[Entry]:
    """Return the test of a hash key and its satellites, which is one query."""
    children = [
        {"to": f"ref('{each.name}')", "key": each.hash_key, "check_parent": each.check_parent}
        for each in satellites
    ]
    return [{"integrity": {"name": f"{model}_is_whole", "arguments": {"satellites": children}}}]


def _references(model: LinkModel | NonHistorizedLinkModel, key: str, plan: Plan) -> list[Entry]:
    """Return the tests that hubs contain the keys of a link. `key`: hash key of the link's row.

    A hub loaded from the same stage must have the key (error); other hubs may lack it (warning).
    """
    same_rows = {hub.name: hub.hash_key for hub in plan.hubs if model.stage in hub.stages}
    structural, from_source = list[Reference](), list[Reference]()
    for role in model.roles:
        is_structural = same_rows.get(role.hub) == role.hash_key
        (structural if is_structural else from_source).append((role.hash_key, role.hub, role.hub_key))
    number = model.partition_key.name if model.partition_key else key
    tests: list[Entry] = []
    if structural:
        tests.append({"refers_to": {"arguments": {"key": number, **_listed(structural)}}})
    if from_source:
        status = next(each for each in plan.satellites if each.stage == f"{model.stage}__{naming.STATUS}")
        shared: Entry = {"key": key, "number": number, "status": f"ref('{status.name}')"}
        for name, arguments in _parents(model, from_source, plan):
            test = {"name": f"{name}_has_known_parents", "arguments": shared | arguments}
            tests.append({"known_parents": test})
    return tests


def _parents(
    model: LinkModel | NonHistorizedLinkModel, references: list[Reference], plan: Plan
) -> Iterator[tuple[str, Entry]]:
    """Yield name and arguments of each test: a link has hash keys, satellites of an event have source keys.

    References in the primary key of an event are in no satellite and are not tested.
    """
    satellites = [each for each in plan.satellites if each.parent == model.name and each.stage == model.stage]
    if isinstance(model, LinkModel):
        yield model.name, {"effectivity": f"ref('{satellites[0].name}')", **_listed(references)}
        return
    hub_keys = {hub.name: hub.key[0].name for hub in plan.hubs}
    columns = {role.hash_key: role.column.name for role in model.roles}
    numbers = [(columns[column], hub, hub_keys[hub]) for column, hub, _ in references]
    for satellite in satellites:
        held = {field.name for field in satellite.payload}
        found = [reference for reference in numbers if reference[0] in held]
        if found:
            listed = _listed(found)["references"]
            yield satellite.name, {"details": f"ref('{satellite.name}')", "references": listed}


def _listed(references: Iterable[Reference]) -> Entry:
    entries = [
        {"column": column, "to": f"ref('{model}')", "field": field} for column, model, field in references
    ]
    return {"references": entries, "except": naming.ZERO_KEY_SQL}


def _stage(stage: Stage) -> Entry:
    rows = "Keys of the pending rows, including deleted ones," if stage.is_status else "Pending rows"
    fields = [
        *(Field(hash_.name, hash_.description) for hash_ in stage.hashes),
        *(Field(column.name, column.description, column.is_personal) for column in stage.columns),
        *([Field(naming.IS_DELETED, "The row was deleted in the source.")] if stage.is_status else []),
        _LOAD,
        SOURCE,
    ]
    return {
        "name": stage.name,
        "description": f"{rows} of {stage.table.qualified} with their hashes, ready to load into the vault.",
        "columns": column_entries(fields),
    }


def _hub(model: HubModel, children: Iterable[SatelliteModel]) -> Entry:
    hash_key = Field(model.hash_key, f"Hash of {', '.join(model.hub.business_key)}.")
    key = (Field(column.name, column.description, column.is_personal) for column in model.key)
    return {
        "name": model.name,
        "description": model.hub.description,
        "columns": [
            column_entry(hash_key, _integrity(model.name, children)),
            *column_entries((*key, _LOAD, SOURCE)),
        ],
    }


def _link(model: LinkModel, children: Iterable[SatelliteModel], plan: Plan) -> Entry:
    hash_key = Field(model.hash_key, "Hash key of the link: hash of all its keys.")
    driving = Field(
        model.driving_key,
        f"Driving key: hash key of {model.driving_hub}, whose rows contain the foreign keys.",
    )
    return {
        "name": model.name,
        "description": model.description,
        "data_tests": _references(model, model.driving_key, plan),
        "columns": [
            column_entry(hash_key, _integrity(model.name, children)),
            column_entry(driving),
            *(_role(role) for role in model.roles),
            *column_entries(
                (*([_partition_field(model.partition_key)] if model.partition_key else []), _LOAD, SOURCE)
            ),
        ],
    }


def _event(model: NonHistorizedLinkModel, children: Iterable[SatelliteModel], plan: Plan) -> Entry:
    payload = (*model.payload, model.occurred)
    return {
        "name": model.name,
        "description": model.description,
        "data_tests": _references(model, model.hash_key, plan),
        "columns": [
            column_entry(Field(model.hash_key, "Hash key of the event."), _integrity(model.name, children)),
            *(_role(role) for role in model.roles),
            *column_entries((*payload, _LOAD, SOURCE)),
        ],
    }


def _role(role: Role) -> Entry:
    return column_entry(
        Field(role.hash_key, f"Hash key of {role.hub} ({role.column.name}): {role.column.description}")
    )


def _satellite(model: SatelliteModel, status: Iterable[SatelliteModel]) -> Entry:
    fields = (
        Field(model.hash_key, model.hash_key_description),
        _HASHDIFF,
        *model.payload,
        *(_partition_field(field) for field in model.extra),
        _LOAD,
        SOURCE,
    )
    entry: Entry = {"name": model.name, "description": model.description}
    if model.is_reference and model.parent is None:
        others = [f"ref('{each.name}')" for each in status]
        test = {"name": f"{model.name}_is_whole", "arguments": {"key": model.hash_key, "others": others}}
        entry["data_tests"] = [{"one_row_per_load": test}]
    return {**entry, "columns": column_entries(fields)}
