"""Test that the schema equals that of the Postgres port."""

import psycopg
import pytest

from metadata.spec import Catalog
from sandbox.schema import create_schema, ordered_tables, schema_statements

pytestmark = pytest.mark.services

_TYPES = {"varchar": "character varying", "timestamp": "timestamp without time zone"}

COLUMNS = """
    select
        format('%s.%s', table_schema, table_name),
        column_name,
        data_type
            || coalesce('(' || character_maximum_length || ')', '')
            || case when data_type = 'numeric'
                then format('(%s,%s)', numeric_precision, numeric_scale) else '' end,
        column_default
    from information_schema.columns
    where table_schema in ('application', 'purchasing', 'sales', 'warehouse')
    order by 1, ordinal_position
"""

CONSTRAINTS = """
    select constraint_type, count(*)
    from information_schema.table_constraints
    where
        constraint_schema in ('application', 'purchasing', 'sales', 'warehouse')
        and constraint_type in ('PRIMARY KEY', 'FOREIGN KEY', 'UNIQUE')
    group by 1
"""

NOT_NULL = """
    select count(*)
    from information_schema.columns
    where table_schema in ('application', 'purchasing', 'sales', 'warehouse') and is_nullable = 'NO'
"""


@pytest.fixture(scope="module")
def tables(source_dsn: str, catalog: Catalog) -> psycopg.Connection:
    """Connect to a database in which the schema was created twice."""
    connection = psycopg.connect(source_dsn, connect_timeout=10, autocommit=True)
    create_schema(connection, catalog)
    create_schema(connection, catalog)
    return connection


def test_columns_have_the_types_and_defaults_of_the_catalog(
    tables: psycopg.Connection, catalog: Catalog
) -> None:
    wanted = [
        (table.qualified, column.name, _long_name(column.type), column.default)
        for table in catalog.tables
        for column in table.columns
    ]
    assert tables.execute(COLUMNS).fetchall() == wanted


def test_the_schema_has_as_many_tables_and_columns_as_the_port(
    tables: psycopg.Connection, catalog: Catalog
) -> None:
    business = {table.qualified for table in catalog.tables if not table.optional}
    columns = [row for row in tables.execute(COLUMNS).fetchall() if row[0] in business]
    assert (len(business), len(columns)) == (29, 316)
    assert len([row for row in columns if row[3] == "now()"]) == 2


def test_keys_match_those_of_the_port(tables: psycopg.Connection) -> None:
    # 28 tables of the port and the two sensor tables; the port has no unique constraints
    assert dict(tables.execute(CONSTRAINTS).fetchall()) == {"PRIMARY KEY": 30, "FOREIGN KEY": 97}
    assert tables.execute(NOT_NULL).fetchone() == (30,)


def test_a_table_is_created_after_the_tables_it_references(catalog: Catalog) -> None:
    seen: set[str] = set()
    for table in ordered_tables(catalog):
        seen.add(table.qualified)
        assert {target.rpartition(".")[0] for target in table.foreign_keys.values()} <= seen
    assert len(seen) == len(list(schema_statements(catalog))) - 4


def _long_name(short: str) -> str:
    base, bracket, length = short.partition("(")
    return _TYPES.get(base, base) + bracket + length
