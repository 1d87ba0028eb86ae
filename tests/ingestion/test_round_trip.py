"""Rows with any values, read in blocks of any size, are equal in Postgres and raw."""

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from google.cloud.bigquery import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.settings import Settings
from ingestion.extract.csv_arrow import Block, read_block
from ingestion.read_window import Window
from ingestion.source.postgres import connect, copy_out
from ingestion.source.sql import select_rows
from metadata.spec import Catalog, Table
from tests.shop import World, create, table
from warehouse import client as warehouse_client
from warehouse.type_mappings import column_type

pytestmark = pytest.mark.services

KINDS = table(
    "kinds",
    {
        "id": "integer", "long": "text", "picture": "bytea", "money": "numeric(18,2)", "at": "timestamp",
        "ratio": "double precision", "small": "real", "numbers": "bigint[]", "words": "text[]",
    },
)  # fmt: skip
TEXTS = table("texts", {"id": "integer", "a": "text", "b": "text"})
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
FINITE = {
    kind: table("finite", {"id": "integer", "value": kind})
    for kind in ("numeric", "numeric(18,2)", "numeric(5,-2)", "date", "timestamp", "timestamptz", "time")
}


def digits(most: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", max_size=most)


def days(last_year: int) -> st.SearchStrategy[str]:
    """Dates in Postgres format, over its whole range, including the limits of BigQuery."""
    years = st.integers(-4700, last_year).filter(bool) | st.sampled_from([-1, 1, 9999, 10000])
    month_and_day = st.sampled_from(["01-01", "12-31", "02-28"])
    return st.builds(
        lambda year, day: f"{abs(year):04d}-{day}{' BC' if year < 0 else ''}", years, month_and_day
    )


def timestamps(zone: str) -> st.SearchStrategy[str]:
    times = st.sampled_from(["00:00:00", "23:59:59.999999"]) | st.times().map(str)
    written = st.builds(lambda day, time: " ".join([day[:-3], time + zone, "BC"]) if "BC" in day
                        else f"{day} {time}{zone}", days(294275), times)  # fmt: skip
    return st.sampled_from(["infinity", "-infinity"]) | written


PLAIN = st.builds(
    lambda sign, whole, part: f"{sign}{whole or 0}.{part or 0}",
    st.sampled_from(["", "-"]),
    digits(60),
    digits(25),
)
LITERALS: dict[str, st.SearchStrategy[str]] = {
    "numeric": st.sampled_from(["NaN", "Infinity", "-Infinity", f"-{10**29}", f"{10**29 - 1}.999999999"])
    | PLAIN,
    "numeric(18,2)": st.just("NaN") | st.decimals(places=2, min_value=-(10**15), max_value=10**15).map(str),
    "numeric(5,-2)": st.just("NaN") | st.integers(-9999900, 9999900).map(str),
    "date": st.sampled_from(["infinity", "-infinity"]) | days(5874896),
    "timestamp": timestamps(""),
    "timestamptz": timestamps("+00"),
    "time": st.just("24:00:00") | st.times().map(str),
}


@pytest.fixture
def kinds(own_settings: Settings, database: str) -> Iterator[World]:
    """Empty tables of many types and of texts."""
    with psycopg.connect(database, autocommit=True, connect_timeout=10) as source:
        create(source, (KINDS, TEXTS))
        client: Client = warehouse_client.connect(own_settings)
        yield World(own_settings, Catalog(tables=(KINDS, TEXTS), hubs=()), source, client)


def read(world: World, kind: Table, block_bytes: int) -> list[Block]:
    """Read the whole table as the extraction does."""
    with connect(world.settings) as reader:
        blocks = copy_out(reader, select_rows(kind, (), Window("full", "asked for")), block_bytes)
        return [read_block(block, kind, kind.loaded_columns) for block in blocks]


def write(world: World, name: str, rows: list[tuple[Any, ...]]) -> None:
    places = ", ".join(["%s"] * len(rows[0]))
    with world.source.cursor() as cursor:
        cursor.executemany(f"insert into shop.{name} values ({places})".encode(), rows)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(
    st.lists(
        st.tuples(
            st.none() | TEXT,
            st.none() | st.binary(),
            st.none() | st.decimals(places=2, min_value=-(10**15), max_value=10**15),
            st.none() | st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),
            st.none() | st.floats(),
            st.none() | st.floats(width=32),
            st.none() | st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)),
            st.none() | st.lists(st.none() | TEXT),
        ),
        min_size=1,
    ),
    st.integers(1, 200),
)
def test_any_rows_are_read_unchanged_with_any_block_size(
    kinds: World, values: list[tuple[Any, ...]], block_bytes: int
) -> None:
    kinds.source.execute("truncate shop.kinds")
    with kinds.source.cursor() as cursor:
        cursor.executemany(
            "insert into shop.kinds (id, long, picture, money, at, ratio, small, numbers, words) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [(number, *value) for number, value in enumerate(values)],
        )
    rows = [row for block in read(kinds, KINDS, block_bytes) for row in block.rows.to_pylist()]
    assert len(rows) == len(values)
    for row in rows:
        *plain, ratio, small, numbers, words = values[row["id"]]
        assert [row["long"], row["picture"], row["money"], row["at"]] == plain
        assert [repr(row["ratio"]), repr(row["small"])] == [repr(ratio), repr(small)]
        assert [parsed(row["numbers"]), parsed(row["words"])] == [numbers, words]


def parsed(text: str | None) -> Any:
    return None if text is None else json.loads(text)


@pytest.mark.parametrize("kind", FINITE)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(data=st.data())
def test_exactly_the_values_that_the_source_counts_as_null_are_rejected(
    kinds: World, kind: str, data: st.DataObject
) -> None:
    """Postgres parses the texts and decides which ones fit; psycopg reads those as the expected values."""
    texts = data.draw(st.lists(LITERALS[kind], min_size=1, max_size=60))
    limits = column_type(kind).limits
    assert limits is not None
    fits = limits.sql.replace("{}", "value")
    kinds.source.execute("drop table if exists shop.finite")
    kinds.source.execute(f"create table shop.finite (id serial, value {kind})".encode())
    kinds.source.execute(
        f"insert into shop.finite (value) select text::{kind} from unnest(%s::text[]) as text".encode(),
        [texts],
    )
    kinds.source.execute("set timezone = 'UTC'")
    expected = dict(
        kinds.source.execute(f"select id, value from shop.finite where {fits}".encode()).fetchall()
    )
    rejected = dict(
        kinds.source.execute(
            f"select id, value::text from shop.finite where not ({fits})".encode()
        ).fetchall()
    )
    (block,) = read(kinds, FINITE[kind], 2**20)
    rows = {row["id"]: row["value"] for row in block.rows.to_pylist()}
    assert rows == expected | dict.fromkeys(rejected)
    ids = block.rows.column(0)
    found = {
        ids[row.as_py()].as_py(): text.as_py()
        for column in block.rejected
        for row, text in zip(column.rows, column.texts, strict=True)
    }
    assert found == rejected


@pytest.mark.parametrize(
    "text",
    ["1" + "0" * 29, "-" + "9" * 30, "9" * 38, "9" * 39, "9" * 300, "170141183460469231731687303715.5"],
)
def test_a_number_too_large_for_arrow_never_becomes_another_number(text: str) -> None:
    """Arrow's own parsing and casting of decimals overflow silently."""
    numbers = FINITE["numeric"]
    block = read_block(f"1,{text}\n2,1.5\n".encode(), numbers, numbers.loaded_columns)
    assert block.rows.column("value").to_pylist() == [None, Decimal("1.5")]
    assert [rejected.texts.to_pylist() for rejected in block.rejected] == [[text]]


def test_a_column_new_in_the_metadata_is_added_to_raw_and_filled(kinds: World) -> None:
    """It is the last column in raw, at any position in the source; values are loaded by column name."""
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
