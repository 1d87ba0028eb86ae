"""The SQL that is asked of the source. Identifiers and values are quoted by psycopg, never by hand."""

from psycopg import sql

from ingestion.typemap import column_type
from metadata.spec import Catalog, ControlDay, Table

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


def count_rows(table: Table, from_xid: int | None) -> sql.Composed:
    """One row: name, rows, rows written since a transaction id (None: all), control totals as text."""
    changed = sql.SQL("true") if from_xid is None else _changed(from_xid)
    query = sql.SQL("select {}, count(*), count(*) filter (where {}), array[{}]::text[] from {}")
    return query.format(sql.Literal(table.qualified), changed, _sums(table), name_of(table))


def count_days(table: Table, day: ControlDay) -> sql.Composed:
    """One row per day: the day as text (null for rows of no day), rows, control totals as text.

    A day that stands in another table is looked up there, in the same snapshot.
    """
    own, header = sql.Identifier("own"), sql.Identifier("header")
    columns = [sql.SQL("{}.{}").format(own, sql.Identifier(name)) for name in sorted(table.control_columns)]
    holder = header if day.header else own
    value = sql.SQL("cast({}.{} as date) as control_day").format(holder, sql.Identifier(day.column))
    rows = sql.SQL("select {} from {} as own").format(sql.SQL(", ").join([*columns, value]), name_of(table))
    if day.header and day.through:
        (key,) = day.header.primary_key
        rows += sql.SQL(" left join {} as header on {}.{} = {}.{}").format(
            name_of(day.header), header, sql.Identifier(key), own, sql.Identifier(day.through)
        )
    query = sql.SQL("select control_day::text, count(*), array[{}]::text[] from ({}) as line group by 1")
    return query.format(_sums(table), rows)


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
