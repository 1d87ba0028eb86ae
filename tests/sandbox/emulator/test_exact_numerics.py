"""Test that NUMERIC results equal those of Google's reference implementation, or are errors."""

import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.cloud.bigquery import (
    Client,
    LoadJobConfig,
    QueryJobConfig,
    ScalarQueryParameter,
    SchemaField,
    SourceFormat,
    Table,
)

from config.settings import Settings
from tests.googlesql.analyzer import RefusedError
from tests.googlesql.execution import texts
from warehouse.client import connect

TIMEOUT_S = 60
Ask = Callable[..., list[tuple[Any, ...]]]
MOST = "99999999999999999999999999999.999999999"

ROWS = f"""unnest([struct(numeric '1.5' as x, 3 as y), struct(numeric '-2.123456789', 4), struct(null, null),
    struct(numeric '99999999999999999.99', 9223372036854775), struct(numeric '{MOST}' / 1e9, 5)])"""


def listed(section: str) -> list[str]:
    """Return the expressions of a section of the list file in this folder."""
    text = Path(__file__).with_name("exact_numerics.txt").read_text()
    return text.partition(f"# {section}\n")[2].partition("\n\n")[0].splitlines()


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[Client]:
    found: Client = connect(settings, "test")
    found.create_dataset("exact", timeout=TIMEOUT_S)
    yield found
    found.delete_dataset("exact", delete_contents=True, timeout=TIMEOUT_S)


@pytest.fixture(scope="module")
def ask(client: Client) -> Ask:
    def answer(sql: str, *parameters: ScalarQueryParameter) -> list[tuple[Any, ...]]:
        config = QueryJobConfig(query_parameters=list(parameters), use_query_cache=False)
        return [tuple(row) for row in client.query(sql, config, timeout=TIMEOUT_S).result(timeout=TIMEOUT_S)]

    return answer


def both(ask: Ask, sql: str) -> tuple[Any, Any]:
    """Return the rows of a query here and in the reference implementation, or "an error"."""
    try:
        expected: Any = texts(sql)
    except RefusedError:
        expected = "an error"
    try:
        return ask(sql), expected
    except GoogleAPICallError:
        return "an error", expected


@pytest.mark.parametrize("expression", listed("expressions"))
def test_an_expression_returns_the_same_as_bigquery(ask: Ask, expression: str) -> None:
    found, expected = both(ask, f"select cast({expression} as string) as v")
    assert found == expected


@pytest.mark.parametrize("expression", listed("aggregates"))
def test_an_aggregate_returns_the_same_as_bigquery(ask: Ask, expression: str) -> None:
    found, expected = both(ask, f"select cast({expression} as string) as v from {ROWS}")
    assert found == expected
    grouped = f"select cast({expression} as string) as v from {ROWS} group by y > 4 order by v"
    found, expected = both(ask, grouped)
    assert found == expected


@pytest.mark.parametrize("expression", listed("windows"))
def test_a_window_function_returns_the_same_as_bigquery(ask: Ask, expression: str) -> None:
    rows = f"select cast({expression} as string) as v from {ROWS}"
    found, expected = both(ask, f"select v from ({rows}) order by v")
    assert found == expected


def test_a_correlated_text_column_is_a_named_field(ask: Ask) -> None:
    """DuckDB loses the name of a field that is a macro call."""
    fields = "struct('x' as a, cast(x as string) as v)"
    rows = f"(select x from {ROWS} where y < 5) cross join unnest([{fields}]) as j"
    found, expected = both(ask, f"select j.v from {rows} order by 1")
    assert found == expected == [("-2.123456789",), ("1.5",)]


def number(dice: random.Random) -> str:
    digits = dice.randint(0, 10 ** dice.randint(0, 29) - 1)
    fraction = dice.choice(["", f".{dice.randint(0, 10 ** dice.randint(1, 9) - 1)}"])
    return f"{dice.choice(['', '-'])}{digits}{fraction}"


@pytest.mark.parametrize("seed", range(30))
def test_numbers_of_any_size_are_calculated_as_by_bigquery(ask: Ask, seed: int) -> None:
    """First each expression alone: both must reject the same ones."""
    dice = random.Random(seed)
    pairs = [(number(dice), number(dice)) for _ in range(12)]
    for operation in ("a + b", "a - b", "safe_multiply(a, b)", "safe_divide(a, b)", "mod(a, nullif(b, 0))"):
        rows = ", ".join(
            f"struct({n} as n, numeric '{a}' as a, numeric '{b}' as b)" for n, (a, b) in enumerate(pairs)
        )
        sql = f"select cast({operation} as string) as v from unnest([{rows}]) order by n"
        found, expected = both(ask, sql)
        assert found == expected, sql


def test_a_numeric_keeps_its_digits_in_every_statement(ask: Ask) -> None:
    value = "12345678901234567890.123456789"
    ask("create table exact.amounts (a numeric, b struct<c numeric, d array<numeric>>, e numeric(18, 2))")
    literal = f"numeric '{value}'"
    ask(f"insert into exact.amounts (a, b, e) values ({literal}, ({literal}, [{literal}]), 1.235)")
    ask("alter table exact.amounts add column f numeric")
    ask(f"update exact.amounts set f = cast('{value}' as numeric) where true")
    ask("create view exact.shown as select cast(a as numeric) as a, f from exact.amounts")
    ask("create table exact.made as select a, safe_cast(cast(f as string) as numeric) as f from exact.shown")
    ask("create function exact.twice(x numeric) as (x * 2 - x)")
    ask("create table function exact.of(x numeric) as select a from exact.amounts where a = x")
    exact = Decimal(value)
    assert ask("select a, b.c, b.d[offset(0)], e, f from exact.amounts") == [
        (exact, exact, exact, Decimal("1.24"), exact)
    ]
    assert ask("select a, f from exact.made union all select a, 1 from exact.shown order by f") == [
        (exact, 1),
        (exact, exact),
    ]
    assert ask(f"select exact.twice(a), exact.twice('{value}') from exact.amounts") == [(exact, exact)]
    assert ask(f"select a from exact.of(numeric '{value}')") == [(exact,)]
    parameter = ScalarQueryParameter("x", "NUMERIC", exact)
    assert ask("select a from exact.amounts where a = @x", parameter) == [(exact,)]


def test_a_numeric_is_returned_without_trailing_zeros(ask: Ask) -> None:
    ((value,),) = ask("select numeric '1.50' as value")
    assert str(value) == "1.5"


def parquet(column: pa.Array) -> BytesIO:
    file = BytesIO()
    pq.write_table(pa.table({"a": column}), file)
    file.seek(0)
    return file


def load(client: Client, table: str, column: pa.Array) -> None:
    config = LoadJobConfig(source_format=SourceFormat.PARQUET)
    client.load_table_from_file(parquet(column), f"exact.{table}", job_config=config, num_retries=0).result(
        timeout=TIMEOUT_S
    )


def test_a_table_created_by_the_api_keeps_all_digits_of_a_load_job(client: Client, ask: Ask) -> None:
    client.create_table(Table(f"{client.project}.exact.loaded", [SchemaField("a", "NUMERIC")]))
    values = [Decimal(MOST), Decimal(f"-{MOST}"), Decimal("0.000000001"), None]
    load(client, "loaded", pa.array(values, pa.decimal128(38, 9)))
    assert sorted(ask("select a from exact.loaded"), key=str) == sorted([(each,) for each in values], key=str)


@pytest.mark.local("BigQuery holds 76 digits")
@pytest.mark.parametrize(
    "expression",
    [
        "cast('0.12345678901' as bignumeric)",
        f"bignumeric '{MOST}9999999999'",
        "parse_bignumeric('1e-11')",
        "cast(0.1 as bignumeric)",
        "cast('12345678901234567890123456789' as bignumeric)",
    ],
)
def test_a_bignumeric_with_more_digits_than_fit_is_an_error(ask: Ask, expression: str) -> None:
    with pytest.raises(GoogleAPICallError):
        ask(f"select {expression}")


@pytest.mark.parametrize("text", ["0.1234567891", "1234567890123456789012345678.5", "-0.5"])
def test_a_bignumeric_that_fits_is_exact(ask: Ask, text: str) -> None:
    written = f"cast('{text}' as bignumeric), bignumeric '{text}', parse_bignumeric('{text}')"
    assert ask(f"select {written}") == [(Decimal(text),) * 3]


@pytest.mark.local("BigQuery holds 76 digits")
@pytest.mark.parametrize("kind", [pa.decimal128(38, 18), pa.decimal256(60, 9)])
def test_a_parquet_file_with_too_many_digits_is_refused_with_its_column(client: Client, kind: Any) -> None:
    client.create_table(Table(f"{client.project}.exact.wide", [SchemaField("a", "NUMERIC")]), exists_ok=True)
    with pytest.raises(GoogleAPICallError, match="column a"):
        load(client, "wide", pa.array([Decimal("1.5")], kind))
