"""Read columns, types, rights and keys of the loaded tables from the source's catalog."""

from collections.abc import Sequence

import psycopg

from ingestion.source.drift import LiveColumn, LiveTable
from ingestion.source.errors import translated
from ingestion.source.structure_reader import read_structures
from metadata.spec import Table


def live_tables(
    connection: psycopg.Connection[tuple[object, ...]], tables: Sequence[Table]
) -> dict[str, LiveTable]:
    """Return the tables as the catalog describes them, by qualified name; missing tables are omitted."""
    names = [table.qualified for table in tables]
    with translated("reading the source's catalog"):
        columns = connection.execute(_LIVE_COLUMNS, [names]).fetchall()
        keys = connection.execute(_LIVE_KEYS, [names]).fetchall()
        structures = read_structures(connection, names)
    unique = {
        (str(table), frozenset(map(str, key))): bool(is_primary)
        for table, is_primary, key in keys
        if isinstance(key, list)
    }
    primary = {table: key for (table, key), is_primary in unique.items() if is_primary}
    found: dict[str, dict[str, LiveColumn]] = {}
    for name, column, kind, readable in columns:
        found.setdefault(str(name), {})[str(column)] = LiveColumn(str(kind), bool(readable))
    key_of = {table.qualified: frozenset(table.primary_key) for table in tables}
    return {
        name: LiveTable(
            columns={column: live for column, live in live_columns.items() if column != "xmin"},
            xmin_readable="xmin" in live_columns and live_columns["xmin"].readable,
            primary_key=primary.get(name),
            has_key=(name, key_of[name]) in unique and not structures[name].inherits,
            structure=structures[name],
        )
        for name, live_columns in found.items()
        if name in structures
    }


# `type` is what column_type() expects: domains are replaced by their base type, arrays by their elements, and
# user-defined types by their kind, because their names mean nothing.
_LIVE_COLUMNS = """
select
    n.nspname || '.' || c.relname,
    a.attname,
    resolved.type,
    has_column_privilege(c.oid, a.attnum, 'select')
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
inner join pg_catalog.pg_attribute as a on a.attrelid = c.oid
cross join lateral (
    with recursive steps as (
        select t.*, a.atttypmod as mod, '' as brackets
        from pg_catalog.pg_type as t
        where t.oid = a.atttypid
        union all
        select
            t.*,
            case steps.typtype when 'd' then steps.typtypmod else steps.mod end,
            steps.brackets || case steps.typtype when 'd' then '' else '[]' end
        from steps
        inner join pg_catalog.pg_type as t
            on (steps.typtype = 'd' and t.oid = steps.typbasetype)
            or (steps.typtype != 'd' and t.oid = steps.typelem and t.typarray = steps.oid)
    )
    select
        case
            when typtype = 'e' then 'enum'
            when typtype = 'c' then 'composite'
            when typnamespace = 'pg_catalog'::regnamespace then format_type(oid, mod)
            when typtype = 'r' then 'range'
            when typtype = 'm' then 'multirange'
            else regexp_replace(format_type(oid, mod), '^([^".(]+|"[^"]*")[.]', '')
        end || brackets as type
    from steps
    order by length(brackets) desc, typtype = 'd'
    limit 1
) as resolved
where
    n.nspname || '.' || c.relname = any(%s)
    and (a.attnum > 0 or a.attname = 'xmin')
    and not a.attisdropped
order by c.oid, a.attnum
"""

# a `not null` constraint that is not validated (Postgres 18) allows existing nulls
_LIVE_KEYS = """
select n.nspname || '.' || c.relname, i.indisprimary, array_agg(a.attname::text)
from pg_catalog.pg_index as i
inner join pg_catalog.pg_class as c on c.oid = i.indrelid
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
inner join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = any(i.indkey)
where
    n.nspname || '.' || c.relname = any(%s)
    and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
group by n.nspname, c.relname, i.indexrelid, i.indrelid, i.indkey, i.indisprimary
having
    bool_and(a.attnotnull)
    and not exists (
        select from pg_catalog.pg_constraint as k
        where
            k.conrelid = i.indrelid and k.contype = 'n' and not k.convalidated
            and k.conkey[1] = any(i.indkey)
    )
order by i.indisprimary
"""
