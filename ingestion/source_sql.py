"""The SQL that is asked of the source. Identifiers and values are quoted by psycopg, never by hand."""

from collections.abc import Sequence

from psycopg import sql

from ingestion.typemap import column_type
from metadata.spec import Catalog, Lookup, Table

Query = sql.Composed


def name_of(table: Table) -> sql.Identifier:
    """The quoted name of the table."""
    return sql.Identifier(table.schema_name, table.name)


def select_rows(table: Table, from_xid: int | None) -> sql.Composed:
    """All loaded columns of the table, of all rows or of those written since a transaction id."""
    columns = sql.SQL(", ").join(
        sql.SQL(column_type(column.type).expression).format(sql.Identifier(column.name))
        for column in table.loaded_columns
    )
    query = sql.SQL("select {} from {}").format(columns, name_of(table))
    return query if from_xid is None else query + sql.SQL(" where ") + _changed(from_xid)


def select_keys(table: Table) -> sql.Composed:
    """The key columns of all rows."""
    columns = sql.SQL(", ").join(map(sql.Identifier, table.primary_key))
    return sql.SQL("select {} from {}").format(columns, name_of(table))


def count_rows(table: Table, lookups: Sequence[Lookup], from_xid: int | None) -> sql.Composed:
    """One row: name, rows, rows written since a transaction id (None: all), control totals as text."""
    changed = sql.SQL("true") if from_xid is None else _changed(from_xid)
    query = sql.SQL("select {}, count(*), count(*) filter (where {}), array[{}]::text[] from {}")
    rows = _with_lookups(table, lookups, ["xmin"])
    return query.format(sql.Literal(table.qualified), changed, _sums(table), rows)


def count_days(table: Table, lookups: Sequence[Lookup]) -> sql.Composed:
    """One row per day: the day as text (null for rows of no day), rows, control totals as text."""
    query = sql.SQL("select cast({} as date)::text, count(*), array[{}]::text[] from {} group by 1")
    return query.format(sql.Identifier(table.day or ""), _sums(table), _with_lookups(table, lookups, []))


def _with_lookups(table: Table, lookups: Sequence[Lookup], more: Sequence[str]) -> sql.Composable:
    """The rows of the table with all columns that its controls need, looked up in the same snapshot."""
    if not lookups:
        return name_of(table)
    own = sql.Identifier("own")
    columns = [
        sql.SQL("{}.{}").format(own, sql.Identifier(name)) for name in [*more, *sorted(table.control_columns)]
    ]
    joins = sql.SQL("{} as own").format(name_of(table))
    for lookup in lookups:
        (key,) = lookup.table.primary_key
        found = sql.Identifier(f"{lookup.through}_row")
        columns += [
            sql.SQL("{}.{} as {}").format(found, sql.Identifier(name), sql.Identifier(lookup.name(name)))
            for name in lookup.columns
        ]
        joins += sql.SQL(" left join {} as {} on {}.{} = {}.{}").format(
            name_of(lookup.table), found, found, sql.Identifier(key), own, sql.Identifier(lookup.through)
        )
    return sql.SQL("(select {} from {}) as line").format(sql.SQL(", ").join(columns), joins)


def _sums(table: Table) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL("coalesce(sum({}), 0)::numeric::text").format(sql.SQL(expression))
        for expression in table.controls.values()
    )


def reader_grants(catalog: Catalog, role: str) -> list[sql.Composed]:
    """The rights on schemas, loaded columns and xmin, one statement each."""
    schemas = sorted({table.schema_name for table in catalog.tables})
    usage = sql.SQL("grant usage on schema {} to {}")
    select = sql.SQL("grant select ({}) on {} to {}")
    grantee = sql.Identifier(role)
    return [usage.format(sql.Identifier(schema), grantee) for schema in schemas] + [
        select.format(sql.SQL(", ").join(map(sql.Identifier, names)), name_of(table), grantee)
        for table in catalog.tables
        for names in [[*(column.name for column in table.loaded_columns), "xmin"]]
    ]


def _changed(from_xid: int) -> sql.Composed:
    """True for rows written by transaction `from_xid` or a later one.

    xmin holds the low 32 bits; age() measures on the circle from the present. A row so old that the circle
    closed looks new and is read once more: a superset again.
    """
    return sql.SQL("age(xmin) <= age({}::xid)").format(sql.Literal(str(from_xid % 2**32)))
