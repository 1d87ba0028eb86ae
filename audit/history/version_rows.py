"""The SQL that reads all rows of one key from the satellites and relationships of its hub."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from config.errors import PermanentError
from config.settings import Settings
from metadata import naming
from metadata.errors import did_you_mean
from metadata.mappings import HubMapping
from metadata.spec import Catalog, Table
from warehouse.queries import Parameter

EDITED = "last_edited_when"


CHANGED = "changed__"


@dataclass(frozen=True)
class Part:
    """A satellite or relationship of a hub: its model, its source table and its columns.

    `prefix`: prefix of the columns of a hub's second source table, such as `holding.`. `personal`: the
    columns with personal values.
    """

    model: str
    table: Table
    columns: tuple[str, ...]
    prefix: str = ""
    link: str | None = None
    is_status: bool = False
    personal: frozenset[str] = frozenset()


def parts_of(catalog: Catalog, entity: str) -> tuple[Part, ...]:
    """Return the satellites and relationships of a hub, those of its main source table first.

    Raises PermanentError, with the known hubs, for a hub that no table is mapped to.
    """
    tables = [
        (table, table.vault)
        for table in catalog.tables
        if isinstance(table.vault, HubMapping) and table.vault.hub == entity
    ]
    if not tables:
        known = {t.vault.hub for t in catalog.tables if isinstance(t.vault, HubMapping)}
        hint = did_you_mean(entity, known)
        listed = "" if "Known here" in hint else f" Known here: {', '.join(sorted(known))}."
        raise PermanentError(f"there is no entity '{entity}'. {hint}{listed}")
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
    """Return the key with the type of the hub's business key. Raises PermanentError for an invalid value."""
    (name,) = catalog.hub(entity).business_key
    table = next(t for t in catalog.tables if isinstance(t.vault, HubMapping) and t.vault.hub == entity)
    if table.column(name).kind != "integer":
        return key
    try:
        return int(key)
    except ValueError as error:
        raise PermanentError(f"{entity} '{key}': {name} must be a whole number.") from error


def statement(
    catalog: Catalog, entity: str, parts: Sequence[Part], settings: Settings, *, personal: bool
) -> str:
    """Return the SELECT of all rows of the key `@key`: model, load_dts, record_source and payload (JSON)."""
    (key,) = catalog.hub(entity).business_key
    hash_key = naming.hash_key(entity)
    selects = "\n\n    union all\n\n".join(
        _select(catalog, entity, part, settings, personal=personal) for part in parts
    )
    return f"""with wanted as (
    select {hash_key}
    from {quoted_model(settings, naming.hub(entity))}
    where {naming.quoted(key)} = @key
),

found as (
{selects}
)

select
    model,
    load_dts,
    record_source,
    payload
from found
order by load_dts, model"""


def _select(catalog: Catalog, entity: str, part: Part, settings: Settings, *, personal: bool) -> str:
    """Select the rows of one part; each masked column is followed by a flag whether it changed."""
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
        from {quoted_model(settings, part.model)} as part{joins}
        where part.{hash_key} in (select {hash_key} from wanted)
    ) as one_row"""


def _masked(part: Part, name: str, hash_key: str) -> list[str]:
    """Return the masked value of a personal column, and whether it differs from the record before."""
    is_text = part.table.column(name).kind == "text"
    column = naming.quoted(name)
    shown = f"substr(part.{column}, 1, 1) || '***'" if is_text else "'***'"
    before = f"lag(part.{column}) over (partition by part.{hash_key} order by part.load_dts)"
    return [
        f"if(part.{column} is null, null, {shown}) as {column}",
        f"part.{column} is distinct from {before} as {CHANGED}{name}",
    ]


def _ends(catalog: Catalog, part: Part, settings: Settings) -> tuple[list[str], str]:
    """Select the business keys of the hubs that a relationship connects, named as in the source."""
    assert part.link
    link_key = naming.link_hash_key(part.link)
    joins = [
        f"inner join {quoted_model(settings, naming.link(part.link))} as link "
        f"on part.{link_key} = link.{link_key}"
    ]
    listed = []
    for column in part.columns:
        target = catalog.referenced_table(part.table, column).vault
        assert isinstance(target, HubMapping), f"{column} passed the checks without a hub"
        (key,) = catalog.hub(target.hub).business_key
        role, alias = naming.hash_key(naming.role(column)), f"hub_of_{column}"
        hub = f"left join {quoted_model(settings, naming.hub(target.hub))} as {alias}"
        joins.append(f"{hub} on link.{role} = {alias}.{naming.hash_key(target.hub)}")
        listed.append(f"{alias}.{naming.quoted(key)} as {naming.quoted(column)}")
    return listed, "".join(f"\n        {join}" for join in joins)


def quoted_model(settings: Settings, model: str) -> str:
    return f"`{settings.project}.{settings.dataset('raw_vault')}.{model}`"
