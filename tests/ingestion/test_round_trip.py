"""What stands in Postgres stands in raw: every type, every hard text, or an error that names the column."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from google.cloud.bigquery import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion import bigquery
from ingestion.csv_arrow import read_block
from ingestion.errors import PermanentError
from ingestion.postgres import connect, copy_out
from ingestion.settings import Settings
from ingestion.source_sql import select_rows
from metadata.spec import Catalog
from tests.ingestion.conftest import World, create, table

pytestmark = pytest.mark.services

COLUMNS = {
    "id": "integer",
    "small": "smallint",
    "big": "bigint",
    "money": "numeric(18,2)",
    "exact": "numeric(18,3)",
    "plain": "numeric",
    "ratio": "double precision",
    "short": "varchar(100)",
    "fixed": "char(5)",
    "long": "text",
    "flag": "boolean",
    "day": "date",
    "at": "timestamp",
    "instant": "timestamptz",
    "picture": "bytea",
    "document": "jsonb",
    "token": "uuid",
}
ALL = table("kinds", COLUMNS)
TEXTS = table("texts", {"id": "integer", "a": "text", "b": "text"})

HARD_TEXTS = [
    None,
    "",
    " ",
    "\\N",
    "\\.",
    "NULL",
    "null",
    '"',
    '""',
    "'",
    ",",
    "\n",
    "\r\n",
    "\r",
    "a\n\n\nb",
    "\t",
    "\x01",
    "\x7f",
    "ünï ¢ødé",
    "😀",
    "\u2028",
    "\ufeff",
    "t",
    "f",
    "nan",
    "x" * 100_000,
]


@pytest.fixture
def kinds(own_settings: Settings, database: str) -> Iterator[World]:
    """Tables of all types and of texts; nothing in them."""
    with psycopg.connect(database, autocommit=True, connect_timeout=10) as source:
        create(source, (ALL, TEXTS))
        client: Client = bigquery.connect(own_settings)
        yield World(own_settings, Catalog(tables=(ALL, TEXTS), hubs=()), source, client)


def write(world: World, name: str, rows: list[tuple[Any, ...]]) -> None:
    places = ", ".join(["%s"] * len(rows[0]))
    with world.source.cursor() as cursor:
        cursor.executemany(f"insert into shop.{name} values ({places})".encode(), rows)


def test_every_type_comes_back_equal(kinds: World) -> None:
    least = (
        1, -32768, -(2**63), Decimal("-9999999999999999.99"), Decimal("-999999999999999.999"),
        Decimal("-12345678901234567890123456789.123456789"), float("-inf"), "", "ab", "", False,
        date(1, 1, 1), datetime(1, 1, 1), datetime(1, 1, 1, tzinfo=UTC), b"", "{}",
        "00000000-0000-0000-0000-000000000000",
    )  # fmt: skip
    most = (
        2, 32767, 2**63 - 1, Decimal("9999999999999999.99"), Decimal("999999999999999.999"),
        Decimal("12345678901234567890123456789.123456789"), 0.1, "x" * 100, "abcde", '{"a": "\n"}', True,
        date(9999, 12, 31), datetime(9999, 12, 31, 23, 59, 59, 999999),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), bytes(range(256)), '{"a": [1, null]}',
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    )  # fmt: skip
    nothing = (3, *[None] * (len(COLUMNS) - 1))
    write(kinds, "kinds", [least, most, nothing])
    kinds.load()
    rows = [tuple(row[name] for name in COLUMNS) for row in kinds.raw("shop.kinds")]
    padded = list(least)
    padded[list(COLUMNS).index("fixed")] = "ab   "  # char(5) holds its padding
    assert rows == [tuple(padded), most, nothing]


def test_hard_texts_come_back_equal(kinds: World) -> None:
    rows = [(number, text, text) for number, text in enumerate(HARD_TEXTS)]
    write(kinds, "texts", rows)
    kinds.load()
    assert [(row["id"], row["a"], row["b"]) for row in kinds.raw("shop.texts")] == rows


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(
    st.lists(
        st.tuples(
            st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
            st.none() | st.binary(),
            st.none() | st.decimals(places=2, min_value=-(10**15), max_value=10**15),
            st.none() | st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),
        ),
        min_size=1,
    ),
    st.integers(1, 200),
)
def test_any_rows_are_read_as_they_are_whatever_the_size_of_a_block(
    kinds: World, values: list[tuple[Any, ...]], block_bytes: int
) -> None:
    kinds.source.execute("truncate shop.kinds")
    with kinds.source.cursor() as cursor:
        cursor.executemany(
            "insert into shop.kinds (id, long, picture, money, at) values (%s, %s, %s, %s, %s)",
            [(number, *value) for number, value in enumerate(values)],
        )
    with connect(kinds.settings) as reader:
        blocks = copy_out(reader, select_rows(ALL, None), block_bytes)
        batches = [read_block(block, ALL, ALL.loaded_columns) for block in blocks]
    rows = [row for batch in batches for row in batch.to_pylist()]
    found = {row["id"]: (row["long"], row["picture"], row["money"], row["at"]) for row in rows}
    assert found == dict(enumerate(values))


@pytest.mark.parametrize(
    ("column", "value", "holds"),
    [
        ("at", "infinity", "DATETIME"),
        ("at", "10000-01-01", "DATETIME"),
        ("instant", "-infinity", "TIMESTAMP"),
        ("day", "0044-03-15 BC", "DATE"),
        ("money", "NaN", "NUMERIC"),
        ("plain", "0.0123456789", "NUMERIC"),
        ("plain", "Infinity", "NUMERIC"),
    ],
)
def test_a_value_that_does_not_fit_is_named_not_bent(
    kinds: World, column: str, value: str, holds: str
) -> None:
    kinds.source.execute(f"insert into shop.kinds (id, {column}) values (1, '{value}')".encode())
    with pytest.raises(
        PermanentError, match=rf"shop\.kinds\.{column}: a value does not fit BigQuery's {holds}"
    ):
        kinds.load()


def test_personal_values_are_not_shown_in_errors(kinds: World) -> None:
    people = table("people", {"id": "integer", "born": "date"}, born={"sensitivity": "personal"})
    create(kinds.source, (people,))
    kinds.source.execute("insert into shop.people values (1, 'infinity')")
    world = World(kinds.settings, Catalog(tables=(people,), hubs=()), kinds.source, kinds.client)
    with pytest.raises(PermanentError, match="the value is not shown") as error:
        world.load()
    assert "infinity" not in str(error.value)


def test_a_column_new_in_the_metadata_is_added_to_raw_and_filled(kinds: World) -> None:
    """It comes last in raw, wherever it stands in the source; values find their columns by name."""
    short = table("texts", {"id": "integer", "b": "text"})
    write(kinds, "texts", [(1, "one", "two")])
    settings = kinds.settings.model_copy(update={"load_new_columns": False})
    World(settings, Catalog(tables=(short,), hubs=()), kinds.source, kinds.client).load()
    kinds.source.execute("update shop.texts set a = 'new' where id = 1")
    kinds.load()
    assert [(row["a"], row["b"]) for row in kinds.raw("shop.texts")] == [(None, "two"), ("new", "two")]
    described = kinds.client.get_table(f"{kinds.settings.dataset('raw')}.shop__texts", timeout=10)
    assert [field.name for field in described.schema][-2:] == ["change_type", "a"]


@pytest.mark.local("a real project takes uploads only")
def test_files_are_uploaded_to_an_emulator_that_shares_no_disk(kinds: World) -> None:
    write(kinds, "texts", [(1, "one", None)])
    url = kinds.settings.resolve_warehouse_url()
    far = kinds.settings.model_copy(update={"warehouse_url": url})
    World(far, kinds.catalog, kinds.source, kinds.client).load()
    assert [row["a"] for row in kinds.raw("shop.texts")] == ["one"]
