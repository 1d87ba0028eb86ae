"""Read the structure of tables from the source's catalog (see structure.py)."""

from collections.abc import Sequence
from dataclasses import replace

import psycopg

from ingestion.source.structure import ColumnFacts, Relation, Structure, TypeFacts

Connection = psycopg.Connection[tuple[object, ...]]


def read_structures(connection: Connection, tables: Sequence[str]) -> dict[str, Structure]:
    """Return the structure of each of these tables ("schema.table") that the source has."""
    (database,) = connection.execute(_DATABASE).fetchone() or ("",)
    found = connection.execute(_RELATIONS, [list(tables)]).fetchall()
    columns = _columns(connection, sorted({int(str(row[1])) for row in found}))
    types = _types(connection, {each.type for one in columns.values() for each in one.values()})
    relations: dict[str, list[Relation]] = {}
    for root, oid, name, kind, persistence, is_heap, created_by in found:
        relations.setdefault(str(root), []).append(
            Relation(
                oid=int(str(oid)),
                name=str(name),
                kind=str(kind),
                persistence=str(persistence),
                is_heap=bool(is_heap),
                columns=columns.get(int(str(oid)), {}),
                created_by=int(str(created_by)),
            )
        )
    return {
        root: _with_used_types(Structure(str(database), table, tuple(children), types))
        for root, (table, *children) in relations.items()
    }


def _with_used_types(structure: Structure) -> Structure:
    """Remove the types of other tables."""
    columns = [
        column for relation in (structure.table, *structure.children) for column in relation.columns.values()
    ]
    used = {oid: found for each in columns for oid, found in structure.types_within(each.type)}
    return replace(structure, types=used)


def _columns(connection: Connection, relations: Sequence[int]) -> dict[int, dict[str, ColumnFacts]]:
    found: dict[int, dict[str, ColumnFacts]] = {}
    for row in connection.execute(_COLUMNS, [list(relations)]):
        relation, name, number, kind, collation, expression, fill = row
        found.setdefault(int(str(relation)), {})[str(name)] = ColumnFacts(
            number=int(str(number)),
            type=int(str(kind)),
            collation=int(str(collation)),
            expression=None if expression is None else str(expression),
            fill=None if fill is None else str(fill),
        )
    return found


def _types(connection: Connection, oids: set[int]) -> dict[int, TypeFacts]:
    found = {}
    for (
        oid,
        name,
        component_types,
        labels,
        attributes,
        casts,
        runs_code,
        shows_object_names,
    ) in connection.execute(_TYPES, [sorted(oids)]):
        found[int(str(oid))] = TypeFacts(
            name=str(name),
            component_types=tuple(component_types) if isinstance(component_types, list) else (),
            labels=labels if isinstance(labels, dict) else {},
            attributes=attributes if isinstance(attributes, dict) else {},
            casts=tuple(casts) if isinstance(casts, list) else (),
            runs_code=bool(runs_code),
            shows_object_names=bool(shows_object_names),
        )
    return found


_DATABASE = """
select 'oid ' || oid || ', ' || pg_encoding_to_char(encoding)
from pg_catalog.pg_database
where datname = current_database()
"""

# The table itself comes first. Temporary children are visible only to the session that created them.
# Creating a relation writes pg_attribute rows for its system columns; renaming it does not rewrite them.
_RELATIONS = """
with recursive tree as (
    select n.nspname || '.' || c.relname as root, c.oid as root_oid, c.oid
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where n.nspname || '.' || c.relname = any(%s)
    union
    select tree.root, tree.root_oid, i.inhrelid
    from tree
    inner join pg_catalog.pg_inherits as i on i.inhparent = tree.oid
)
select
    tree.root,
    c.oid,
    n.nspname || '.' || c.relname,
    c.relkind,
    c.relpersistence,
    c.relam = 0 or am.amhandler::text = 'heap_tableam_handler',
    coalesce(
        (
            select min(present.xmax - ((present.xmax - a.xmin::text::bigint) & 4294967295))
            from pg_catalog.pg_attribute as a
            where a.attrelid = c.oid and a.attnum < 0
        ),
        0
    )
from tree
cross join (select txid_snapshot_xmax(txid_current_snapshot()) as xmax) as present
inner join pg_catalog.pg_class as c on c.oid = tree.oid
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
left join pg_catalog.pg_am as am on am.oid = c.relam
where c.oid = tree.root_oid or c.relpersistence != 't'
order by tree.root, c.oid != tree.root_oid, c.oid
"""

# to_jsonb, because servers before version 12 do not have the column `attgenerated`
_COLUMNS = """
select
    a.attrelid,
    a.attname,
    a.attnum,
    a.atttypid,
    a.attcollation,
    case when to_jsonb(a) ->> 'attgenerated' != '' then pg_get_expr(d.adbin, d.adrelid) end,
    md5(to_jsonb(a) ->> 'attmissingval')
from pg_catalog.pg_attribute as a
left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = any(%s::oid[]) and a.attnum > 0 and not a.attisdropped
order by a.attrelid, a.attnum
"""

# 16384 is the first user oid: only user-defined casts can change.
_TYPES = """
with recursive types as (
    select unnest(%s::oid[]) as oid
    union
    select part.oid
    from types
    inner join pg_catalog.pg_type as t on t.oid = types.oid
    cross join lateral (
        select unnest(array[t.typbasetype, t.typelem]) as oid
        union all
        select r.rngsubtype from pg_catalog.pg_range as r where r.rngtypid = t.oid
        union all
        select r.rngtypid
        from pg_catalog.pg_range as r
        where (to_jsonb(r) ->> 'rngmultitypid')::oid = t.oid
        union all
        select a.atttypid
        from pg_catalog.pg_attribute as a
        where a.attrelid = t.typrelid and t.typtype = 'c' and a.attnum > 0 and not a.attisdropped
    ) as part
    where part.oid != 0
),

casts as (
    select
        c.castsource as oid,
        array_agg(c.oid::bigint order by c.oid) as ids,
        bool_or(l.lanname not in ('c', 'internal')) as runs_code
    from pg_catalog.pg_cast as c
    inner join pg_catalog.pg_proc as p on p.oid = c.castfunc
    inner join pg_catalog.pg_language as l on l.oid = p.prolang
    where c.casttarget in ('text'::regtype, 'json'::regtype) and c.oid >= 16384
    group by c.castsource
)

select
    t.oid,
    case n.nspname when 'pg_catalog' then format_type(t.oid, null) else n.nspname || '.' || t.typname end,
    array(
        select a.atttypid::bigint
        from pg_catalog.pg_attribute as a
        where a.attrelid = t.typrelid and t.typtype = 'c' and a.attnum > 0 and not a.attisdropped
        order by a.attnum
    ) || array(
        select part::bigint from unnest(array[t.typbasetype, t.typelem]) as part where part != 0
    ) || array(
        select case r.rngtypid when t.oid then r.rngsubtype else r.rngtypid end::bigint
        from pg_catalog.pg_range as r
        where r.rngtypid = t.oid or (to_jsonb(r) ->> 'rngmultitypid')::oid = t.oid
    ),
    (
        select json_object_agg(e.oid, e.enumlabel order by e.enumsortorder)
        from pg_catalog.pg_enum as e
        where e.enumtypid = t.oid
    ),
    (
        select json_object_agg(a.attnum, a.attname || ' ' || a.atttypid order by a.attnum)
        from pg_catalog.pg_attribute as a
        where a.attrelid = t.typrelid and t.typtype = 'c' and a.attnum > 0 and not a.attisdropped
    ),
    casts.ids,
    coalesce(casts.runs_code, false),
    n.nspname = 'pg_catalog' and (t.typname ~ '^reg' or t.typname = 'aclitem')
from types
inner join pg_catalog.pg_type as t on t.oid = types.oid
inner join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
left join casts on casts.oid = t.oid
order by t.oid
"""
