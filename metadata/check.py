"""Do the tables and hubs fit together? Every rule that one file alone cannot break is here."""

import re
from collections import defaultdict
from collections.abc import Iterator

from metadata import naming, words
from metadata.errors import Mistake, did_you_mean
from metadata.spec import Catalog, Column, EventMapping, HubMapping, ReferenceMapping, Satellite, Table

HUBS_FILE = "hubs.yml"
_BARE_WORD = re.compile(r"(?<![\"\w.])([a-z]\w*)(?![\"\w.])")


def table_file(table: Table) -> str:
    """The file that describes the table, relative to the metadata folder."""
    return f"tables/{table.schema_name}/{table.name}.yml"


def find_mistakes(catalog: Catalog, broken: frozenset[str] = frozenset()) -> list[Mistake]:
    """Return every mistake in how the parts fit together.

    `broken` holds tables (`schema.table`) and hubs that exist but could not be read: naming them is right.
    """
    mistakes: list[Mistake] = []
    for table in catalog.tables:
        mistakes += _keys(table)
        mistakes += _foreign_keys(table, catalog, broken)
        mistakes += _controls(table, catalog)
        mistakes += _vault(table, catalog, broken)
    mistakes += _key_kinds(catalog)
    mistakes += _doubled_names(catalog)
    # A hub also looks unused when a table misspells it or cannot be read.
    return mistakes if mistakes or broken else list(_unused_hubs(catalog))


def _unknown(table: Table, key: str, names: tuple[str, ...]) -> Iterator[Mistake]:
    for name in names:
        if name not in table.column_names:
            yield Mistake(
                table_file(table),
                key,
                f"{table.qualified} has no column '{name}'",
                did_you_mean(name, table.column_names),
            )


def _known(table: Table, names: tuple[str, ...]) -> list[Column]:
    return [table.column(name) for name in names if name in table.column_names]


def _keys(table: Table) -> Iterator[Mistake]:
    file = table_file(table)
    yield from _unknown(table, "primary_key", table.primary_key)
    for column in _known(table, table.primary_key):
        if column.nullable or column.sensitivity == "secret":
            flaw = "nullable" if column.nullable else "secret"
            mend = "A key is loaded and never null: change the column or choose another key."
            yield Mistake(file, f"columns.{column.name}", f"part of the primary key, but {flaw}", mend)
    for column in table.columns:
        if column.name in naming.RESERVED_COLUMNS:
            mend = "Ingestion and the vault add a column of that name; load the table under another one."
            yield Mistake(file, f"columns.{column.name}", "the name is reserved", mend)
        if column.name in words.UNQUOTABLE:
            mend = "Give the column another name in the source, or leave it out here."
            problem = "SQL takes the name for something else, and AutomateDV does not quote it"
            yield Mistake(file, f"columns.{column.name}", problem, mend)
        if column.measure and column.kind not in {"integer", "numeric"}:
            # the sum of floats depends on the order in which they are added
            mend = "Only exact numbers add up to the same in every layer: remove `measure`."
            yield Mistake(file, f"columns.{column.name}", f"a measure of type {column.type}", mend)
    yield from _unquoted(table)
    measures = {column.name for column in table.columns if column.measure}
    for name in sorted(measures & set(table.computed_controls)):
        mend = "Every measure is a control already; remove this one or rename it."
        yield Mistake(file, f"computed_controls.{name}", "a measure has the same name", mend)


def _unquoted(table: Table) -> Iterator[Mistake]:
    """A control that names a column without quotes whose name is a word of SQL."""
    risky = (words.WORDS_OF_SQL - words.WORDS_OF_EXPRESSIONS) & set(table.column_names)
    for control, text in table.computed_controls.items():
        for word in sorted(risky & set(_BARE_WORD.findall(text))):
            problem = f"'{word}' is a word of SQL, so it does not name the column"
            mend = f'Write it in double quotes: "{word}".'
            yield Mistake(table_file(table), f"computed_controls.{control}", problem, mend)


def _foreign_keys(table: Table, catalog: Catalog, broken: frozenset[str]) -> Iterator[Mistake]:
    file = table_file(table)
    known = {other.qualified for other in catalog.tables}
    for name, reference in table.foreign_keys.items():
        target, _, column = reference.rpartition(".")
        key = f"columns.{name}.references"
        if target not in known | broken:
            yield Mistake(file, key, f"no table '{target}'", did_you_mean(target, known))
        elif target in known and column not in catalog.table(target).column_names:
            mend = did_you_mean(column, catalog.table(target).column_names)
            yield Mistake(file, key, f"{target} has no column '{column}'", mend)
        elif target in known and catalog.table(target).column(column).kind != table.column(name).kind:
            problem = f"a {table.column(name).type} refers to a {catalog.table(target).column(column).type}"
            yield Mistake(file, key, problem, "Their hashes would never be equal: give both the same type.")
    yield from _unknown(table, "undeclared_foreign_keys", table.undeclared_foreign_keys)
    for undeclared in _known(table, table.undeclared_foreign_keys):
        if undeclared.references is None:
            mend = f"Add `references` to columns.{undeclared.name}."
            yield Mistake(file, "undeclared_foreign_keys", f"'{undeclared.name}' refers to nothing", mend)


def _controls(table: Table, catalog: Catalog) -> Iterator[Mistake]:
    """Every column looked up for a control exists; the day is a date or a time."""
    file = table_file(table)
    if table.control_day and "." not in table.control_day:
        yield from _day(table, table.control_day, file)
    known = {other.qualified: other for other in catalog.tables}
    for through, name in table.control_paths:
        is_day = table.control_day == f"{through}.{name}"
        key = "control_day" if is_day else "computed_controls"
        target = table.foreign_keys.get(through, "").rpartition(".")[0]
        if through not in table.foreign_keys:
            mend = did_you_mean(through, table.foreign_keys)
            yield Mistake(file, key, f"'{through}' is no column that refers to a table", mend)
        elif target in known:  # one that is not was told where the reference stands
            if is_day:
                yield from _day(known[target], name, file)
            elif name not in known[target].column_names:
                yield _no_column(known[target], name, file, key)
            elif known[target].column(name).sensitivity == "secret":
                mend = "Secret columns never leave the source; take it out."
                yield Mistake(file, key, f"'{name}' of {target} is secret", mend)
        if through in table.foreign_keys and target in known and len(known[target].primary_key) > 1:
            mend = "Look it up through a key of one column."
            yield Mistake(file, key, f"{target} has a key of several columns", mend)


def _day(holder: Table, name: str, file: str) -> Iterator[Mistake]:
    if name not in holder.column_names:
        yield _no_column(holder, name, file, "control_day")
    elif holder.column(name).kind not in {"date", "datetime", "timestamp"}:
        mend = "Choose a column that is a date or a time."
        yield Mistake(file, "control_day", f"'{name}' is a {holder.column(name).type}", mend)


def _no_column(holder: Table, name: str, file: str, key: str) -> Mistake:
    mend = did_you_mean(name, holder.column_names)
    return Mistake(file, key, f"{holder.qualified} has no column '{name}'", mend)


def _vault(table: Table, catalog: Catalog, broken: frozenset[str]) -> Iterator[Mistake]:
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


def _key_kinds(catalog: Catalog) -> Iterator[Mistake]:
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
    yield from _unknown(table, place, names)
    mapped = {other.qualified for other in catalog.tables if isinstance(other.vault, HubMapping)}
    for column in _known(table, names):
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
    yield from _unknown(table, "vault.occurred", (mapping.occurred,))
    yield from _unknown(table, "vault.brings", tuple(mapping.brings))
    yield from _related(table, "vault.columns", mapping.columns, catalog, broken)
    for name, hub in mapping.brings.items():
        yield from _key_of_hub(table, f"vault.brings.{name}", hub, (name,), catalog, broken)
    if not mapping.columns and not mapping.brings:
        mend = "Name the columns that refer to hubs under `columns`, or the keys it has alone under `brings`."
        yield Mistake(table_file(table), "vault", "the event refers to no hub", mend)
    for satellite in mapping.satellites:
        yield from _satellite(table, satellite)
    yield from _no_personal(
        table, "vault.occurred", tuple(_known(table, (mapping.occurred,))), "Name another column"
    )
    # the link keeps what came first, so what can be corrected needs a satellite
    yield from _homes(table, (), mapping.satellites)


def _satellite(table: Table, satellite: Satellite) -> Iterator[Mistake]:
    key = f"vault.satellites.{satellite.topic}"
    yield from _unknown(table, f"{key}.columns", satellite.columns)
    columns = _known(table, satellite.columns)
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


def _unused_hubs(catalog: Catalog) -> Iterator[Mistake]:
    used = {hub for table in catalog.tables if table.vault for hub in table.vault.hubs}
    for hub in catalog.hubs:
        if hub.name not in used:
            mend = f"Set `vault: {{hub: {hub.name}}}` in the table that brings its keys, or remove the hub."
            yield Mistake(HUBS_FILE, hub.name, "no table brings its keys", mend)


def _doubled_names(catalog: Catalog) -> Iterator[Mistake]:
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
