"""Every version of one thing: all satellites and relationships of its hub, put together into one time line.

The metadata say which tables tell about a hub, so any hub can be asked. A row of a satellite says that
something changed with its load; a version is what all satellites said together after a load. Personal
values are cut to their first letter by the warehouse, so they never reach this process; whether they changed
is compared there, too.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from google.cloud import bigquery

from ingestion.bigquery import Parameter, connect, query
from ingestion.errors import MissingInWarehouseError, PermanentError
from ingestion.settings import Settings
from metadata import naming
from metadata.errors import did_you_mean
from metadata.spec import Catalog, HubMapping, Table
from questions.moments import Load, Moment, loads, moment

EDITED = "last_edited_when"
CHANGED = "changed__"


@dataclass(frozen=True)
class Part:
    """A satellite or relationship of a hub: its model, the table that it is filled from, and what it tells.

    `prefix` stands before the names of columns that a second table of the hub brings: `holding.`. `personal`
    are the columns that tell something of a person.
    """

    model: str
    table: Table
    columns: tuple[str, ...]
    prefix: str = ""
    link: str | None = None
    is_status: bool = False
    personal: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Change:
    """A column that a version changed, with its value before and after. `is_masked`: cut by the warehouse."""

    column: str
    before: Any
    after: Any
    is_masked: bool = False


@dataclass(frozen=True)
class Version:
    """What was known of a thing from one load on.

    `event`: new, changed, deleted or returned. `applied_dts`: what the source's clock said at the load;
    `edited_when`: when the source says that the row was edited, where it says so. `state`: all columns.
    """

    number: int
    event: str
    load_dts: datetime
    batch_id: int | None
    applied_dts: datetime | None
    edited_when: str | None
    record_sources: tuple[str, ...]
    changes: tuple[Change, ...]
    state: dict[str, Any]
    is_deleted: bool


@dataclass(frozen=True)
class Span:
    """A time in which the source did not have the thing: from a load to the one that brought it back."""

    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class History:
    """All versions of a thing, the oldest first. `at`: the moment up to which was asked, if there was one."""

    entity: str
    key: str
    versions: tuple[Version, ...]
    is_masked: bool
    at: Moment | None = None

    @property
    def deleted(self) -> tuple[Span, ...]:
        """The times in which the source did not have it."""
        spans, since = [], None
        for version in self.versions:
            if version.is_deleted and since is None:
                since = version.load_dts
            elif not version.is_deleted and since is not None:
                spans.append(Span(since, version.load_dts))
                since = None
        return (*spans, *([Span(since, None)] if since else ()))

    @property
    def masked_columns(self) -> tuple[str, ...]:
        """The columns whose values were cut."""
        return tuple(sorted({each.column for v in self.versions for each in v.changes if each.is_masked}))


def history(  # noqa: PLR0913 - whose, which part of it, and how
    settings: Settings,
    catalog: Catalog,
    entity: str,
    key: str,
    *,
    as_of: str | None = None,
    personal: bool = False,
) -> History:
    """Return the versions of the thing, up to the moment `as_of` if there is one. `personal`: unmasked.

    Raises PermanentError for an entity or a key that is not there, naming those that are, and what the
    warehouse says when the login may not read personal columns.
    """
    parts = parts_of(catalog, entity)
    value = typed_key(catalog, entity, key)
    client = connect(settings, "history")
    known = loads(client, settings)
    at = moment(as_of, known) if as_of is not None else None
    sql = statement(catalog, entity, parts, settings, personal=personal)
    try:
        rows = query(client, sql, {"key": value}, timeout_s=settings.query_timeout_s)
    except MissingInWarehouseError as error:
        raise PermanentError(f"the vault is not built yet ({error}). Run `wwi build`.") from error
    if not rows:
        raise PermanentError(_no_such_key(client, settings, catalog, entity, key))
    found = versions(rows, parts, known)
    if at is not None:
        first = found[0]
        found = tuple(version for version in found if version.load_dts <= at.at)
        if not found:
            raise PermanentError(
                f"{entity} {key} was not known at {at.at:%Y-%m-%d %H:%M:%S} UTC: it first came with batch "
                f"{first.batch_id} at {first.load_dts:%Y-%m-%d %H:%M:%S}."
            )
    return History(entity, key, found, not personal, at)


def parts_of(catalog: Catalog, entity: str) -> tuple[Part, ...]:
    """Return what tells about a hub, the hub's own table first.

    Raises PermanentError for a hub that no table tells about, naming the others.
    """
    tables = [
        (table, table.vault)
        for table in catalog.tables
        if isinstance(table.vault, HubMapping) and table.vault.hub == entity
    ]
    if not tables:
        asked = {t.vault.hub for t in catalog.tables if isinstance(t.vault, HubMapping)}
        mend = did_you_mean(entity, asked)
        listed = "" if "Known here" in mend else f" Known here: {', '.join(sorted(asked))}."
        raise PermanentError(f"there is no entity '{entity}'. {mend}{listed}")
    tables.sort(key=lambda each: each[1].aspect is not None)
    return tuple(part for table, mapping in tables for part in _parts(table, mapping))


def _parts(table: Table, mapping: HubMapping) -> Iterator[Part]:
    prefix = f"{mapping.aspect}." if mapping.aspect else ""
    yield Part(mapping.status, table, (naming.IS_DELETED,), prefix, is_status=True)
    if mapping.link:
        model = naming.effectivity(mapping.link.name)
        yield Part(model, table, mapping.link.columns, prefix, link=mapping.link.name)
    for satellite in mapping.satellites:
        hidden = frozenset(name for name in satellite.columns if table.column(name).is_personal)
        model = naming.satellite(mapping.concept, satellite.topic)
        yield Part(model, table, satellite.columns, prefix, personal=hidden)


def typed_key(catalog: Catalog, entity: str, key: str) -> Parameter:
    """Return the key as the type that its hub has. Raises PermanentError when it is none of that type."""
    (name,) = catalog.hub(entity).business_key
    table = next(t for t in catalog.tables if isinstance(t.vault, HubMapping) and t.vault.hub == entity)
    if table.column(name).kind != "integer":
        return key
    try:
        return int(key)
    except ValueError as error:
        raise PermanentError(f"{entity} '{key}': {name} is a whole number.") from error


def statement(
    catalog: Catalog, entity: str, parts: Sequence[Part], settings: Settings, *, personal: bool
) -> str:
    """One statement: model, load_dts, record_source and payload (JSON) of every row about the key `@key`."""
    (key,) = catalog.hub(entity).business_key
    hash_key = naming.hash_key(entity)
    selects = "\n\n    union all\n\n".join(
        _select(catalog, entity, part, settings, personal=personal) for part in parts
    )
    return f"""with asked as (
    select {hash_key}
    from {_name(settings, naming.hub(entity))}
    where {naming.quoted(key)} = @key
),

told as (
{selects}
)

select
    model,
    load_dts,
    record_source,
    payload
from told
order by load_dts, model"""


def _select(catalog: Catalog, entity: str, part: Part, settings: Settings, *, personal: bool) -> str:
    """The rows of one part; beside a masked column stands whether it changed."""
    hash_key = naming.hash_key(entity)
    if part.link:
        listed, joins = _ends(catalog, part, settings)
    else:
        joins = ""
        masked = frozenset() if personal else part.personal
        listed = [
            column
            for name in part.columns
            for column in (
                [f"part.{naming.quoted(name)}"] if name not in masked else _masked(part, name, hash_key)
            )
        ]
    columns = ",\n            ".join([f"part.{naming.LOAD_DTS}", f"part.{naming.RECORD_SOURCE}", *listed])
    return f"""    select
        '{part.model}' as model,
        one_row.{naming.LOAD_DTS},
        one_row.{naming.RECORD_SOURCE},
        to_json_string(one_row) as payload
    from (
        select
            {columns}
        from {_name(settings, part.model)} as part{joins}
        where part.{hash_key} in (select {hash_key} from asked)
    ) as one_row"""


def _masked(part: Part, name: str, hash_key: str) -> list[str]:
    """A personal column as everybody may see it, and whether it is another than in the record before."""
    is_text = part.table.column(name).kind == "text"
    column = naming.quoted(name)
    shown = f"substr(part.{column}, 1, 1) || '***'" if is_text else "'***'"
    before = f"lag(part.{column}) over (partition by part.{hash_key} order by part.load_dts)"
    return [
        f"if(part.{column} is null, null, {shown}) as {column}",
        f"part.{column} is distinct from {before} as {CHANGED}{name}",
    ]


def _ends(catalog: Catalog, part: Part, settings: Settings) -> tuple[list[str], str]:
    """What a relationship tells: the keys of the hubs at its ends, under the names that the source has."""
    assert part.link
    link_key = naming.link_hash_key(part.link)
    joins = [
        f"inner join {_name(settings, naming.link(part.link))} as link on part.{link_key} = link.{link_key}"
    ]
    listed = []
    for column in part.columns:
        target = catalog.referred(part.table, column).vault
        assert isinstance(target, HubMapping), f"{column} passed the checks without a hub"
        (key,) = catalog.hub(target.hub).business_key
        role, alias = naming.hash_key(naming.role(column)), f"hub_of_{column}"
        hub = f"left join {_name(settings, naming.hub(target.hub))} as {alias}"
        joins.append(f"{hub} on link.{role} = {alias}.{naming.hash_key(target.hub)}")
        listed.append(f"{alias}.{naming.quoted(key)} as {naming.quoted(column)}")
    return listed, "".join(f"\n        {join}" for join in joins)


def versions(
    rows: Sequence[dict[str, Any]], parts: Sequence[Part], known: Sequence[Load]
) -> tuple[Version, ...]:
    """Put the rows of all parts, in the order of their loads, together into versions."""
    by_model = {part.model: part for part in parts}
    order = _column_order(parts)
    batches = {load.load_dts: load for load in known}
    state: dict[str, Any] = {}
    is_deleted = False
    found: list[Version] = []
    for load_dts in sorted({row["load_dts"] for row in rows}):
        told = [row for row in rows if row["load_dts"] == load_dts]
        changes: list[Change] = []
        was_deleted = is_deleted
        for row in told:
            part = by_model[row["model"]]
            payload = json.loads(row["payload"], parse_float=_number)
            if part.is_status and not part.prefix:
                is_deleted = bool(payload[naming.IS_DELETED])
                continue
            for name in part.columns:
                column, flag = f"{part.prefix}{name}", payload.get(f"{CHANGED}{name}")
                before, after = state.get(column), payload.get(name)
                is_new = column not in state and after is not None
                if flag if flag is not None else (before != after or is_new):
                    changes.append(Change(column, before, after, flag is not None))
                state[column] = after
        batch = batches.get(load_dts)
        changes = [each for each in changes if found or each.after is not None]
        found.append(
            Version(
                number=len(found) + 1,
                event=_event(bool(found), was_deleted, is_deleted),
                load_dts=load_dts,
                batch_id=batch.batch_id if batch else None,
                applied_dts=batch.applied_dts if batch else None,
                edited_when=next((c.after for c in changes if c.column.endswith(EDITED)), None),
                record_sources=tuple(sorted({row["record_source"] for row in told})),
                changes=tuple(sorted(changes, key=lambda each: order[each.column])),
                state=dict(sorted(state.items(), key=lambda each: order[each[0]])),
                is_deleted=is_deleted,
            )
        )
    return tuple(found)


def _column_order(parts: Sequence[Part]) -> dict[str, int]:
    """The place of each column: as the source has them, table after table, what no table has at its end."""
    places: dict[str, int] = {}
    for part in parts:
        for name in (*part.table.column_names, naming.IS_DELETED):
            places.setdefault(f"{part.prefix}{name}", len(places))
    return places


def _number(text: str) -> Decimal:
    """The number without the zeros at its end, of which engines write more or fewer."""
    return Decimal(text).normalize()


def _event(is_known: bool, was_deleted: bool, is_deleted: bool) -> str:
    if is_deleted and not was_deleted:
        return "deleted"
    if was_deleted and not is_deleted:
        return "returned"
    return "changed" if is_known else "new"


def _no_such_key(client: bigquery.Client, settings: Settings, catalog: Catalog, entity: str, key: str) -> str:
    column = naming.quoted(*catalog.hub(entity).business_key)
    hub = naming.hub(entity)
    (row,) = query(
        client,
        f"select count(*) as n, min({column}) as first_key, max({column}) as last_key "
        f"from {_name(settings, hub)}",
        timeout_s=settings.query_timeout_s,
    )
    if not row["n"]:
        return f"there is no {entity} {key}: {hub} is empty. Run `wwi run`."
    return f"there is no {entity} {key}: {hub} holds {row['n']}, {row['first_key']} to {row['last_key']}."


def _name(settings: Settings, model: str) -> str:
    return f"`{settings.project}.{settings.dataset('raw_vault')}.{model}`"
