"""Values of every Postgres type are equal in raw, or are stored as rejected values."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import psycopg
import pytest

from config.errors import PermanentError
from config.settings import Settings
from ingestion.source import catalog, postgres
from metadata.postgres_types import AS_TEXT
from metadata.spec import Catalog
from tests.ingestion.type_cases import CASES, TYPES, Case, Rejected
from tests.shop import World, table
from warehouse.client import connect
from warehouse.type_mappings import normalise

# BigQuery returns its legacy type names
SHORT = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}

pytestmark = pytest.mark.services


@dataclass(frozen=True)
class Loaded:
    """The loaded matrix: raw by row number, and rejected values {(row, column): (value, reason)}."""

    world: World
    live: dict[str, str]
    raw: dict[int, dict[str, Any]]
    rejected: dict[tuple[int, str], tuple[str, str]]
    bigquery: dict[str, str]


def column_of(case: Case) -> str:
    return f"c{CASES.index(case)}"


def create_matrix(source: psycopg.Connection) -> None:
    """Create one table with a column per case. Row n has the n-th value of each; the last row has nulls."""
    source.execute("create schema shop")
    for statement in TYPES:
        source.execute(statement.encode())
    columns = ", ".join(f"{column_of(case)} {case.declared}" for case in CASES)
    source.execute(f"create table shop.matrix (id integer primary key, {columns})".encode())
    rows = zip_longest(*[list(case.expected) for case in CASES], fillvalue="null")
    for number, values in enumerate(rows):
        source.execute(f"insert into shop.matrix values ({number}, {', '.join(values)})".encode())
    source.execute("insert into shop.matrix values (-1)")


@pytest.fixture(scope="module")
def matrix(settings: Settings, source_dsn: str) -> Iterator[Loaded]:
    """Load all cases in one batch. The metadata use the type names of the source."""
    with psycopg.connect(source_dsn, autocommit=True, connect_timeout=10) as source:
        create_matrix(source)
        names = table("matrix", {"id": "integer"})
        with postgres.connect(settings) as reader:
            live = catalog.live_tables(reader, [names])["shop.matrix"].columns
        types = {name: normalise(column.type) for name, column in live.items()}
        known = {column_of(case): case.known for case in CASES if case.known.endswith(AS_TEXT)}
        matrix_table = table("matrix", {**types, **known})
        world = World(settings, Catalog(tables=(matrix_table,), hubs=()), source, connect(settings))
        world.load()
        rejected = world.ask("select key, column_name, value, reason from {audit}.rejected_values")
        described = world.client.get_table(f"{settings.dataset('raw')}.shop__matrix", timeout=10)
        yield Loaded(
            world,
            types,
            {row["id"]: row for row in world.raw("shop.matrix")},
            {
                (int(row["key"].removeprefix('{"id": ').removesuffix("}")), row["column_name"]): (
                    row["value"],
                    row["reason"],
                )
                for row in rejected
            },
            {field.name: SHORT.get(field.field_type, field.field_type) for field in described.schema},
        )


def is_same(found: object, expected: object) -> bool:
    """Compare value and type. Floats are compared as text, because of NaN and -0.0."""
    if isinstance(expected, float):
        return repr(found) == repr(expected)
    return type(found) is type(expected) and found == expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.declared)
def test_a_type_comes_back_equal(matrix: Loaded, case: Case) -> None:
    column = column_of(case)
    assert matrix.live[column] == case.known.removesuffix(AS_TEXT)
    assert matrix.bigquery[column] == case.bigquery
    for number, (sql, expected) in enumerate(case.expected.items()):
        found = matrix.raw[number][column]
        rejected = matrix.rejected.get((number, column))
        if isinstance(expected, Rejected):
            assert found is None, sql
            assert rejected is not None, sql
            assert rejected[0] == expected.text
            assert rejected[1].startswith(f"{case.bigquery} holds ")
        else:
            assert is_same(found, expected), sql
            assert rejected is None, sql
    assert matrix.raw[-1][column] is None
    assert (-1, column) not in matrix.rejected


@pytest.mark.parametrize("kind", ["xid8", "int2vector", "xid8[]"])
def test_a_type_without_mapping_is_refused_before_anything_is_written(
    own_settings: Settings, database: str, kind: str
) -> None:
    with psycopg.connect(database, autocommit=True, connect_timeout=10) as source:
        source.execute("create schema shop")
        source.execute(f"create table shop.odd (id integer primary key, value {kind})".encode())
        odd = table("odd", {"id": "integer", "value": "text"})
        world = World(own_settings, Catalog(tables=(odd,), hubs=()), source, connect(own_settings))
        with pytest.raises(PermanentError) as error:
            world.load()
        assert f"shop.odd.value: its type is {kind} now, text in the metadata" in str(error.value)
        assert world.statuses() == []
