"""Build the SQL for the source. psycopg quotes all identifiers and values."""

from collections.abc import Sequence

from psycopg import sql

from ingestion.read_window import Window, Xids
from metadata.spec import Catalog, Column, Lookup, Table
from warehouse.type_mappings import column_type

Query = sql.Composed


def name_of(table: Table) -> sql.Identifier:
    """Return the quoted name of the table."""
    return sql.Identifier(table.schema_name, table.name)


def select_rows(table: Table, lookups: Sequence[Lookup], window: Window) -> sql.Composed:
    """Select the loaded columns of the rows in the window."""
    query = sql.SQL("select {} from {}").format(_copied(table.loaded_columns), name_of(table))
    return query if window.xids is None else query + sql.SQL(" where ") + _in_window(table, lookups, window)


def select_keys(table: Table) -> sql.Composed:
    """Select the key columns of all rows."""
    columns = _copied([table.column(name) for name in table.primary_key])
    return sql.SQL("select {} from {}").format(columns, name_of(table))


def count_rows(
    table: Table, lookups: Sequence[Lookup], window: Window, unfinished: Xids | None
) -> sql.Composed:
    """Select one row: name, rows, rows in the window, control totals as text, ended transactions.

    The last is an array of text: the ids in the range `unfinished` that wrote a visible row.
    """
    changed = _in_window(table, lookups, window)
    ended = sql.SQL("array_agg(distinct xmin::text) filter (where {})").format(
        written_by(unfinished) if unfinished else sql.SQL("false")
    )
    query = sql.SQL("select {}, count(*), count(*) filter (where {}), array[{}]::text[], {} from {}")
    rows = _with_lookups(table, lookups, ["xmin"])
    return query.format(sql.Literal(table.qualified), changed, _sums(table), ended, rows)


def count_days(table: Table, lookups: Sequence[Lookup]) -> sql.Composed:
    """Select one row per day: the day as text (null: no day), rows, control totals as text."""
    query = sql.SQL("select cast({} as date)::text, count(*), array[{}]::text[] from {} group by 1")
    return query.format(sql.Identifier(table.day or ""), _sums(table), _with_lookups(table, lookups, []))


def _with_lookups(table: Table, lookups: Sequence[Lookup], more: Sequence[str]) -> sql.Composable:
    """Return a subquery with all columns that the controls need, including those of other tables.

    Rejected values are null here, as in raw.
    """
    own = sql.Identifier("own")
    columns = [sql.SQL("{}.{}").format(own, sql.Identifier(name)) for name in more]
    columns += [_castable(table.column(name), "own", name) for name in sorted(table.control_columns)]
    if not columns:
        return name_of(table)
    joins = sql.SQL("{} as own").format(name_of(table))
    for lookup in lookups:
        (key,) = lookup.table.primary_key
        found = sql.Identifier(f"{lookup.through}_row")
        columns += [
            _castable(lookup.table.column(name), f"{lookup.through}_row", lookup.name(name))
            for name in lookup.columns
        ]
        joins += sql.SQL(" left join {} as {} on {}.{} = {}.{}").format(
            name_of(lookup.table), found, found, sql.Identifier(key), own, sql.Identifier(lookup.through)
        )
    return sql.SQL("(select {} from {}) as line").format(sql.SQL(", ").join(columns), joins)


def _copied(columns: Sequence[Column]) -> sql.Composed:
    """Return the expressions by which COPY reads the columns."""
    return sql.SQL(", ").join(
        _expression(column_type(column.type).expression, sql.Identifier(column.name)) for column in columns
    )


def _castable(column: Column, alias: str, name: str) -> sql.Composed:
    """Select the column as `name`, with null for rejected values."""
    value = _expression(column_type(column.type).castable_expression, sql.Identifier(alias, column.name))
    return sql.SQL("{} as {}").format(value, sql.Identifier(name))


def _expression(template: str, column: sql.Identifier) -> sql.Composed:
    return sql.SQL(template).format(*[column] * template.count("{}"))


def _sums(table: Table) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL("coalesce(sum({}), 0)::numeric::text").format(sql.SQL(expression))
        for expression in table.controls.values()
    )


def reader_grants(catalog: Catalog, role: str) -> list[sql.Composed]:
    """Return the grants on schemas, loaded columns and xmin, one statement each."""
    schemas = sorted({table.schema_name for table in catalog.tables})
    usage = sql.SQL("grant usage on schema {} to {}")
    select = sql.SQL("grant select ({}) on {} to {}")
    grantee = sql.Identifier(role)
    return [usage.format(sql.Identifier(schema), grantee) for schema in schemas] + [
        select.format(sql.SQL(", ").join(map(sql.Identifier, names)), name_of(table), grantee)
        for table in catalog.tables
        for names in [[*(column.name for column in table.loaded_columns), "xmin"]]
    ]


def _in_window(table: Table, lookups: Sequence[Lookup], window: Window) -> sql.Composable:
    """Return the condition for the rows in the window. Days apply only to tables with business days."""
    if window.xids is None:
        return sql.SQL("true")
    written = written_by(window.xids)
    if window.days is None or table.control_day is None:
        return written
    through, _, column = table.control_day.partition(".")
    between = sql.SQL("cast({} as date) between {} and {}").format(
        sql.Identifier(column or through), *map(sql.Literal, window.days)
    )
    if column:  # the day is in the referenced row
        found = next(lookup.table for lookup in lookups if lookup.through == through)
        between = sql.SQL("{} in (select {} from {} where {})").format(
            sql.Identifier(through), sql.Identifier(found.primary_key[0]), name_of(found), between
        )
    return sql.SQL("(({}) or coalesce({}, false))").format(written, between)


def written_by(xids: Xids) -> sql.Composed:
    """Return the condition for rows that one of these transactions wrote.

    xmin contains the low 32 bits of the id; age() is the distance to the current id modulo 2^32. A frozen row
    keeps its xmin, so after a wraparound it can look like a future transaction; the upper bound excludes it.
    """
    condition = sql.SQL("age(xmin) <= age({}::xid) and age(xmin) > age({}::xid)").format(
        _xid(xids.first), _xid(xids.end)
    )
    if not xids.excluded:
        return condition
    listed = sql.Literal("{" + ",".join(map(str, sorted(xids.excluded))) + "}")
    return condition + sql.SQL(" and xmin <> all({}::xid[])").format(listed)


def _xid(number: int) -> sql.Literal:
    return sql.Literal(str(number % 2**32))
