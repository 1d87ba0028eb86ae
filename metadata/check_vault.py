"""Check the vault mappings of all tables against each other."""

from collections import defaultdict
from collections.abc import Iterator

from metadata import naming
from metadata.errors import Mistake, did_you_mean
from metadata.mappings import EventMapping, HubMapping, ReferenceMapping, Satellite
from metadata.spec import Catalog, Column, Table

HUBS_FILE = "hubs.yml"


def table_file(table: Table) -> str:
    """The file that describes the table, relative to the metadata folder."""
    return f"tables/{table.schema_name}/{table.name}.yml"


def unknown_columns(table: Table, key: str, names: tuple[str, ...]) -> Iterator[Mistake]:
    for name in names:
        if name not in table.column_names:
            yield Mistake(
                table_file(table),
                key,
                f"{table.qualified} has no column '{name}'",
                did_you_mean(name, table.column_names),
            )


def known_columns(table: Table, names: tuple[str, ...]) -> list[Column]:
    return [table.column(name) for name in names if name in table.column_names]


def check_mapping(table: Table, catalog: Catalog, broken: frozenset[str]) -> Iterator[Mistake]:
    match table.vault:
        case HubMapping() as mapping:
            yield from _hub(table, mapping, catalog, broken)
            yield from _link(table, mapping, catalog, broken)
            for satellite in mapping.satellites:
                yield from _satellite(table, satellite)
            related = mapping.link.columns if mapping.link else ()
            yield from _homes(table, related, mapping.satellites)
        case EventMapping() as mapping:
            yield from _event(table, mapping, catalog, broken)
        case ReferenceMapping():
            yield from _no_personal(table, "vault.reference", table.columns, "Map the table to a hub")


def _hub(table: Table, mapping: HubMapping, catalog: Catalog, broken: frozenset[str]) -> Iterator[Mistake]:
    yield from _key_of_hub(table, "vault.hub", mapping.hub, table.primary_key, catalog, broken)


def _key_of_hub(  # noqa: PLR0913, PLR0917 - what is compared, and where to say so
    table: Table, place: str, hub: str, key: tuple[str, ...], catalog: Catalog, broken: frozenset[str]
) -> Iterator[Mistake]:
    """The hub exists and the columns `key` of the table are its business key."""
    known = {hub.name for hub in catalog.hubs}
    if hub not in known:
        if hub not in broken:
            mend = did_you_mean(hub, known)
            yield Mistake(table_file(table), place, f"no hub named '{hub}' in {HUBS_FILE}", mend)
        return
    business_key = catalog.hub(hub).business_key
    if set(business_key) != set(key):
        problem = f"hub {hub} is known by {', '.join(business_key)}, a row by {', '.join(key)}"
        mend = f"Make business_key in {HUBS_FILE} and the key here the same columns."
        yield Mistake(table_file(table), place, problem, mend)


def key_kinds(catalog: Catalog) -> Iterator[Mistake]:
    """All tables that bring keys of a hub give them one type: BigQuery puts no others together."""
    first: dict[tuple[str, str], tuple[Table, str]] = {}
    for table in catalog.tables:
        for hub, name in _keys_brought(table):
            column = table.column(name)
            other, kind = first.setdefault((hub, name), (table, column.kind))
            if column.kind != kind:
                problem = f"a {column.type}, but a {other.column(name).type} in {other.qualified}"
                mend = f"Both are keys of hub {hub}: cast one in a view of the source."
                yield Mistake(table_file(table), f"columns.{name}", problem, mend)


def _keys_brought(table: Table) -> list[tuple[str, str]]:
    """(hub, column of its business key) of every hub whose keys the table's rows bring."""
    match table.vault:
        case HubMapping(hub=hub):
            pairs = [(hub, name) for name in table.primary_key]
        case EventMapping(brings=brings):
            pairs = [(hub, name) for name, hub in brings.items()]
        case _:
            pairs = []
    return [(hub, name) for hub, name in pairs if name in table.column_names]


def _link(table: Table, mapping: HubMapping, catalog: Catalog, broken: frozenset[str]) -> Iterator[Mistake]:
    if mapping.link:
        yield from _related(table, "vault.link.columns", mapping.link.columns, catalog, broken)


def _related(
    table: Table, place: str, names: tuple[str, ...], catalog: Catalog, broken: frozenset[str]
) -> Iterator[Mistake]:
    """Each of these columns refers to the whole key of a table that has a hub."""
    yield from unknown_columns(table, place, names)
    mapped = {other.qualified for other in catalog.tables if isinstance(other.vault, HubMapping)}
    for column in known_columns(table, names):
        target, _, key = (column.references or "").rpartition(".")
        if target not in mapped | broken:
            problem = f"'{column.name}' refers to {target or 'nothing'}, which has no hub"
            mend = "Map that table to a hub, or keep the column in a satellite."
            yield Mistake(table_file(table), place, problem, mend)
        elif target in mapped and catalog.table(target).primary_key != (key,):
            problem = f"'{column.name}' refers to {column.references}, which is not the whole key"
            mend = f"Refer to the key of {target}, or keep the column in a satellite."
            yield Mistake(table_file(table), place, problem, mend)


def _event(
    table: Table, mapping: EventMapping, catalog: Catalog, broken: frozenset[str]
) -> Iterator[Mistake]:
    yield from unknown_columns(table, "vault.occurred", (mapping.occurred,))
    yield from unknown_columns(table, "vault.brings", tuple(mapping.brings))
    yield from _related(table, "vault.columns", mapping.columns, catalog, broken)
    for name, hub in mapping.brings.items():
        yield from _key_of_hub(table, f"vault.brings.{name}", hub, (name,), catalog, broken)
    if not mapping.columns and not mapping.brings:
        mend = "Name the columns that refer to hubs under `columns`, or the keys it has alone under `brings`."
        yield Mistake(table_file(table), "vault", "the event refers to no hub", mend)
    for satellite in mapping.satellites:
        yield from _satellite(table, satellite)
    yield from _no_personal(
        table, "vault.occurred", tuple(known_columns(table, (mapping.occurred,))), "Name another column"
    )
    # the link keeps what came first, so what can be corrected needs a satellite
    yield from _homes(table, (), mapping.satellites)


def _satellite(table: Table, satellite: Satellite) -> Iterator[Mistake]:
    key = f"vault.satellites.{satellite.topic}"
    yield from unknown_columns(table, f"{key}.columns", satellite.columns)
    columns = known_columns(table, satellite.columns)
    for column in columns:
        if column.sensitivity == "secret":
            mend = "Secret columns never leave the source; take it out."
            yield Mistake(table_file(table), f"{key}.columns", f"'{column.name}' is secret", mend)
    if satellite.topic == naming.STATUS:
        mend = "Choose another topic; this one holds deletes."
        yield Mistake(table_file(table), key, "the topic 'status' is reserved", mend)
    if not satellite.personal:
        yield from _no_personal(table, f"{key}.columns", tuple(columns), "Move it to a personal satellite")


def _no_personal(table: Table, key: str, columns: tuple[Column, ...], mend: str) -> Iterator[Mistake]:
    for column in columns:
        if column.is_personal:
            yield Mistake(table_file(table), key, f"'{column.name}' is personal data", f"{mend}.")


def _homes(table: Table, related: tuple[str, ...], satellites: tuple[Satellite, ...]) -> Iterator[Mistake]:
    """Each loaded column has one home: the key, the link, or one satellite."""
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for name in table.primary_key:
        homes[name].append("primary_key")
    for name in related:
        homes[name].append("vault.link")
    for satellite in satellites:
        for name in satellite.columns:
            homes[name].append(f"vault.satellites.{satellite.topic}")
    for column in table.loaded_columns:
        places = homes[column.name]
        if not places:
            mend = "Add it to one satellite, or to vault.link if the table has a hub."
            yield Mistake(table_file(table), "vault", f"column '{column.name}' has no home", mend)
        elif len(places) > 1:
            mend = "Keep it in one."
            yield Mistake(table_file(table), places[-1], f"'{column.name}' is also in {places[0]}", mend)


def unused_hubs(catalog: Catalog) -> Iterator[Mistake]:
    used = {hub for table in catalog.tables if table.vault for hub in table.vault.hubs}
    for hub in catalog.hubs:
        if hub.name not in used:
            mend = f"Set `vault: {{hub: {hub.name}}}` in the table that brings its keys, or remove the hub."
            yield Mistake(HUBS_FILE, hub.name, "no table brings its keys", mend)


def doubled_names(catalog: Catalog) -> Iterator[Mistake]:
    """No two tables may ask for the same model."""
    askers: defaultdict[str, list[Table]] = defaultdict(list)
    for table in catalog.tables:
        for model in _models_of(table):
            askers[model].append(table)
    for model, tables in askers.items():
        for table in tables[1:]:
            mend = "Rename one of the two."
            problem = f"model {model} is already made by {table_file(tables[0])}"
            yield Mistake(table_file(table), "vault", problem, mend)


def _models_of(table: Table) -> Iterator[str]:
    match table.vault:
        case HubMapping(link=link, satellites=satellites) as mapping:
            yield table.stage_name
            yield mapping.status
            yield from (naming.satellite(mapping.concept, satellite.topic) for satellite in satellites)
            yield from (naming.link(link.name),) if link else ()
        case EventMapping(satellites=satellites) as mapping:
            yield table.stage_name
            yield mapping.parent
            yield mapping.status
            yield from (naming.satellite(mapping.concept, satellite.topic) for satellite in satellites)
        case ReferenceMapping(reference=reference):
            yield table.stage_name
            yield naming.reference(reference)
