"""Models and sources as dbt's YAML: descriptions of every column and the structural tests.

Kinds of test, as few queries as can say which rule broke, since every query costs on every load:
    hub, link        integrity: hash key unique and not null; it holds every key of its satellites, and they
                     have one row per key and load
    link             each hub key it points to is in that hub, the zero key left out: a warning, since the
                     source may lack the other row; an error where the hub is loaded from the same rows. The
                     test of its own hub covers its own key, which comes from the same rows
    code list        one row per key and load, also in its status
A row of ours that breaks one stops the run; whatever the source may lawfully hold only warns.
"""

from collections.abc import Iterable, Iterator

from metadata import naming
from metadata.codegen.dbt_sources import SOURCE, audit_source, raw_source
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
from metadata.codegen.render import satellite_folder
from metadata.codegen.yaml_text import Entry, column_entries, column_entry, yaml_of

Children = dict[str, list[SatelliteModel]]


Reference = tuple[str, str, str]  # a column, the hub that must hold its values, and the key of the hub


_LOAD = Field(naming.LOAD_DTS, "Load (UTC) that first brought the row.")


_HASHDIFF = Field(naming.HASHDIFF, "Hash of the columns tracked; a row is added when it changes.")


def yaml_files(plan: Plan) -> dict[str, str]:
    """Return path below vault/models -> YAML: the sources, and one file per folder of models."""
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


def _ranged(number: Field) -> Field:
    """The number that a table is partitioned by, where it is there for nothing else."""
    return Field(number.name, f"{number.description} The table is partitioned by it.", number.personal)


def _integrity(model: str, satellites: Iterable[SatelliteModel]) -> list[Entry]:
    """The hash key of a hub or link and what hangs on it, in one query."""
    hanging = [
        {"to": f"ref('{each.name}')", "key": each.hash_key, "tells_parent": each.tells_parent}
        for each in satellites
    ]
    return [{"integrity": {"name": f"{model}_is_whole", "arguments": {"satellites": hanging}}}]


def _references(model: LinkModel | EventLinkModel, key: str, plan: Plan) -> list[Entry]:
    """The tests that the hubs hold the keys that a link points to. `key`: of its row.

    A hub that takes the key from the same rows must hold it. Others hold what their own table has delivered.
    """
    same_rows = {hub.name: hub.hash_key for hub in plan.hubs if model.stage in hub.stages}
    structural, of_the_source = list[Reference](), list[Reference]()
    for role in model.roles:
        is_ours = same_rows.get(role.hub) == role.hash_key
        (structural if is_ours else of_the_source).append((role.hash_key, role.hub, role.hub_key))
    number = model.ranged_by.name if model.ranged_by else key
    tests: list[Entry] = []
    if structural:
        tests.append({"refers_to": {"arguments": {"key": number, **_listed(structural)}}})
    if of_the_source:
        status = next(each for each in plan.satellites if each.stage == f"{model.stage}__{naming.STATUS}")
        shared: Entry = {"key": key, "number": number, "status": f"ref('{status.name}')"}
        for name, arguments in _parents(model, of_the_source, plan):
            test = {"name": f"{name}_has_known_parents", "arguments": shared | arguments}
            tests.append({"known_parents": test})
    return tests


def _parents(
    model: LinkModel | EventLinkModel, references: list[Reference], plan: Plan
) -> Iterator[tuple[str, Entry]]:
    """Return name and arguments of each test: a link holds hash keys, the satellites of an event numbers.

    A reference in the key of an event is in no satellite and not tested.
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
    rows = "Keys of the pending rows, deleted ones too," if stage.is_status else "Pending rows"
    fields = [
        *(Field(hash_.name, hash_.description) for hash_ in stage.hashes),
        *(Field(column.name, column.description, column.is_personal) for column in stage.columns),
        *([Field(naming.IS_DELETED, "The row is gone from the source.")] if stage.is_status else []),
        _LOAD,
        SOURCE,
    ]
    return {
        "name": stage.name,
        "description": f"{rows} of {stage.table.qualified} with their hashes, for the vault to load.",
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
    hash_key = Field(model.hash_key, "Hash of all keys of the row.")
    driving = Field(model.driving_key, f"Key of {model.driving_hub}, whose row refers to the others.")
    return {
        "name": model.name,
        "description": model.description,
        "data_tests": _references(model, model.driving_key, plan),
        "columns": [
            column_entry(hash_key, _integrity(model.name, children)),
            column_entry(driving),
            *(_role(role) for role in model.roles),
            *column_entries((*([_ranged(model.ranged_by)] if model.ranged_by else []), _LOAD, SOURCE)),
        ],
    }


def _event(model: EventLinkModel, children: Iterable[SatelliteModel], plan: Plan) -> Entry:
    payload = (*model.payload, model.occurred)
    return {
        "name": model.name,
        "description": model.description,
        "data_tests": _references(model, model.hash_key, plan),
        "columns": [
            column_entry(
                Field(model.hash_key, "Hash of the key of the event."), _integrity(model.name, children)
            ),
            *(_role(role) for role in model.roles),
            *column_entries((*payload, _LOAD, SOURCE)),
        ],
    }


def _role(role: Role) -> Entry:
    return column_entry(
        Field(role.hash_key, f"Key of {role.hub} ({role.column.name}): {role.column.description}")
    )


def _satellite(model: SatelliteModel, status: Iterable[SatelliteModel]) -> Entry:
    fields = (
        Field(model.hash_key, model.hash_key_description),
        _HASHDIFF,
        *model.payload,
        *(_ranged(field) for field in model.extra),
        _LOAD,
        SOURCE,
    )
    entry: Entry = {"name": model.name, "description": model.description}
    if model.is_reference and model.parent is None:
        others = [f"ref('{each.name}')" for each in status]
        test = {"name": f"{model.name}_is_whole", "arguments": {"key": model.hash_key, "others": others}}
        entry["data_tests"] = [{"one_row_per_load": test}]
    return {**entry, "columns": column_entries(fields)}
