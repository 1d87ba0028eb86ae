"""Check the vault mappings of all tables against each other."""

from collections import defaultdict
from collections.abc import Iterator

from metadata import naming
from metadata.errors import Issue, did_you_mean
from metadata.mappings import HubMapping, NonHistorizedLinkMapping, ReferenceMapping, Satellite
from metadata.spec import Catalog, Column, Table

HUBS_FILE = "hubs.yml"


def table_file(table: Table) -> str:
    """Return the YAML file of the table, relative to the metadata folder."""
    return f"tables/{table.schema_name}/{table.name}.yml"


def unknown_columns(table: Table, key: str, names: tuple[str, ...]) -> Iterator[Issue]:
    for name in names:
        if name not in table.column_names:
            yield Issue(
                table_file(table),
                key,
                f"{table.qualified} has no column '{name}'",
                did_you_mean(name, table.column_names),
            )


def known_columns(table: Table, names: tuple[str, ...]) -> list[Column]:
    return [table.column(name) for name in names if name in table.column_names]


def check_mapping(table: Table, catalog: Catalog, broken: frozenset[str]) -> Iterator[Issue]:
    match table.vault:
        case HubMapping() as mapping:
            yield from _hub(table, mapping, catalog, broken)
            yield from _link(table, mapping, catalog, broken)
            for satellite in mapping.satellites:
                yield from _satellite(table, satellite)
            related = mapping.link.columns if mapping.link else ()
            yield from _check_locations(table, related, mapping.satellites)
        case NonHistorizedLinkMapping() as mapping:
            yield from _event(table, mapping, catalog, broken)
        case ReferenceMapping():
            yield from _no_personal(table, "vault.reference", table.columns, "Map the table to a hub")


def _hub(table: Table, mapping: HubMapping, catalog: Catalog, broken: frozenset[str]) -> Iterator[Issue]:
    yield from _check_business_key(table, "vault.hub", mapping.hub, table.primary_key, catalog, broken)


def _check_business_key(  # noqa: PLR0913, PLR0917 - what is compared, and where to report it
    table: Table, place: str, hub: str, key: tuple[str, ...], catalog: Catalog, broken: frozenset[str]
) -> Iterator[Issue]:
    """Check that the hub exists and that the columns `key` of the table are its business key."""
    known = {hub.name for hub in catalog.hubs}
    if hub not in known:
        if hub not in broken:
            fix = did_you_mean(hub, known)
            yield Issue(table_file(table), place, f"no hub named '{hub}' in {HUBS_FILE}", fix)
        return
    business_key = catalog.hub(hub).business_key
    if set(business_key) != set(key):
        problem = f"the key of hub {hub} is {', '.join(business_key)}, but the key here is {', '.join(key)}"
        fix = f"Use the same columns in business_key ({HUBS_FILE}) and in the key here."
        yield Issue(table_file(table), place, problem, fix)


def check_key_types(catalog: Catalog) -> Iterator[Issue]:
    """Check that all tables that load a hub give its key one type, since BigQuery does not mix types."""
    first: dict[tuple[str, str], tuple[Table, str]] = {}
    for table in catalog.tables:
        for hub, name in _hub_key_columns(table):
            column = table.column(name)
            other, kind = first.setdefault((hub, name), (table, column.kind))
            if column.kind != kind:
                problem = f"a {column.type}, but a {other.column(name).type} in {other.qualified}"
                fix = f"Both are keys of hub {hub}. Cast one of them in a view of the source."
                yield Issue(table_file(table), f"columns.{name}", problem, fix)


def _hub_key_columns(table: Table) -> list[tuple[str, str]]:
    """Return (hub, business key column) for every hub that is loaded from the table."""
    match table.vault:
        case HubMapping(hub=hub):
            pairs = [(hub, name) for name in table.primary_key]
        case NonHistorizedLinkMapping(hub_keys=hub_keys):
            pairs = [(hub, name) for name, hub in hub_keys.items()]
        case _:
            pairs = []
    return [(hub, name) for hub, name in pairs if name in table.column_names]


def _link(table: Table, mapping: HubMapping, catalog: Catalog, broken: frozenset[str]) -> Iterator[Issue]:
    if mapping.link:
        yield from _related(table, "vault.link.columns", mapping.link.columns, catalog, broken)


def _related(
    table: Table, place: str, names: tuple[str, ...], catalog: Catalog, broken: frozenset[str]
) -> Iterator[Issue]:
    """Check that each column refers to the whole key of a table that has a hub."""
    yield from unknown_columns(table, place, names)
    mapped = {other.qualified for other in catalog.tables if isinstance(other.vault, HubMapping)}
    for column in known_columns(table, names):
        target, _, key = (column.references or "").rpartition(".")
        if target not in mapped | broken:
            problem = f"'{column.name}' refers to {target or 'nothing'}, which has no hub"
            fix = "Map that table to a hub, or move the column to a satellite."
            yield Issue(table_file(table), place, problem, fix)
        elif target in mapped and catalog.table(target).primary_key != (key,):
            problem = f"'{column.name}' refers to {column.references}, which is not the whole primary key"
            fix = f"Refer to the key of {target}, or move the column to a satellite."
            yield Issue(table_file(table), place, problem, fix)


def _event(
    table: Table, mapping: NonHistorizedLinkMapping, catalog: Catalog, broken: frozenset[str]
) -> Iterator[Issue]:
    yield from unknown_columns(table, "vault.occurred", (mapping.occurred,))
    yield from unknown_columns(table, "vault.hub_keys", tuple(mapping.hub_keys))
    yield from _related(table, "vault.columns", mapping.columns, catalog, broken)
    for name, hub in mapping.hub_keys.items():
        yield from _check_business_key(table, f"vault.hub_keys.{name}", hub, (name,), catalog, broken)
    if not mapping.columns and not mapping.hub_keys:
        fix = "List foreign keys to hubs under `columns`, or keys of hubs without a table under `hub_keys`."
        yield Issue(table_file(table), "vault", "the event refers to no hub", fix)
    for satellite in mapping.satellites:
        yield from _satellite(table, satellite)
    yield from _no_personal(
        table, "vault.occurred", tuple(known_columns(table, (mapping.occurred,))), "Name another column"
    )
    # the link keeps the first version of a row, so columns that can be corrected need a satellite
    yield from _check_locations(table, (), mapping.satellites)


def _satellite(table: Table, satellite: Satellite) -> Iterator[Issue]:
    key = f"vault.satellites.{satellite.topic}"
    yield from unknown_columns(table, f"{key}.columns", satellite.columns)
    columns = known_columns(table, satellite.columns)
    for column in columns:
        if column.sensitivity == "secret":
            fix = "Secret columns never leave the source. Remove it here."
            yield Issue(table_file(table), f"{key}.columns", f"'{column.name}' is secret", fix)
    if satellite.topic == naming.STATUS:
        fix = "Choose another topic; `status` records deletes."
        yield Issue(table_file(table), key, "the topic 'status' is reserved", fix)
    if not satellite.personal:
        yield from _no_personal(table, f"{key}.columns", tuple(columns), "Move it to a personal satellite")


def _no_personal(table: Table, key: str, columns: tuple[Column, ...], fix: str) -> Iterator[Issue]:
    for column in columns:
        if column.is_personal:
            yield Issue(table_file(table), key, f"'{column.name}' is personal data", f"{fix}.")


def _check_locations(
    table: Table, related: tuple[str, ...], satellites: tuple[Satellite, ...]
) -> Iterator[Issue]:
    """Check that each loaded column is stored exactly once: in the key, the link or one satellite."""
    locations: defaultdict[str, list[str]] = defaultdict(list)
    for name in table.primary_key:
        locations[name].append("primary_key")
    for name in related:
        locations[name].append("vault.link")
    for satellite in satellites:
        for name in satellite.columns:
            locations[name].append(f"vault.satellites.{satellite.topic}")
    for column in table.loaded_columns:
        places = locations[column.name]
        if not places:
            fix = "Add it to one satellite, or to vault.link if the table has a hub."
            yield Issue(table_file(table), "vault", f"column '{column.name}' is not stored in the vault", fix)
        elif len(places) > 1:
            fix = "Remove it from one of them."
            yield Issue(table_file(table), places[-1], f"'{column.name}' is also in {places[0]}", fix)


def check_unused_hubs(catalog: Catalog) -> Iterator[Issue]:
    used = {hub for table in catalog.tables if table.vault for hub in table.vault.hubs}
    for hub in catalog.hubs:
        if hub.name not in used:
            fix = f"Set `vault: {{hub: {hub.name}}}` in the table that has its keys, or remove the hub."
            yield Issue(HUBS_FILE, hub.name, "no table loads this hub", fix)


def check_duplicate_models(catalog: Catalog) -> Iterator[Issue]:
    """Check that no two tables generate the same model."""
    owners: defaultdict[str, list[Table]] = defaultdict(list)
    for table in catalog.tables:
        for model in _models_of(table):
            owners[model].append(table)
    for model, tables in owners.items():
        for table in tables[1:]:
            fix = "Rename one of them."
            problem = f"model {model} is already generated from {table_file(tables[0])}"
            yield Issue(table_file(table), "vault", problem, fix)


def _models_of(table: Table) -> Iterator[str]:
    match table.vault:
        case HubMapping(link=link, satellites=satellites) as mapping:
            yield table.stage_name
            yield mapping.status
            yield from (naming.satellite(mapping.concept, satellite.topic) for satellite in satellites)
            yield from (naming.link(link.name),) if link else ()
        case NonHistorizedLinkMapping(satellites=satellites) as mapping:
            yield table.stage_name
            yield mapping.parent
            yield mapping.status
            yield from (naming.satellite(mapping.concept, satellite.topic) for satellite in satellites)
        case ReferenceMapping(reference=reference):
            yield table.stage_name
            yield naming.reference(reference)
