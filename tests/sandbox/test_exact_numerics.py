"""NUMERIC on the warehouse gives what Google's reference implementation gives, digit by digit, or an error."""

import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from io import BytesIO
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

from ingestion.bigquery import connect
from ingestion.settings import Settings
from tests.googlesql.analyzer import RefusedError
from tests.googlesql.execution import texts

TIMEOUT_S = 60
Ask = Callable[..., list[tuple[Any, ...]]]
MOST = "99999999999999999999999999999.999999999"

EXPRESSIONS = """
numeric '1.50' ; numeric '-0.10' ; numeric '0' ; numeric '100' ; cast(numeric '1.50' as string) || 'x'
cast('0.123456789' as numeric) ; cast('0.0000000005' as numeric) ; cast('-0.0000000005' as numeric)
cast('1e-9' as numeric) ; cast('1e28' as numeric) ; cast('1e29' as numeric) ; cast(0.1 as numeric)
cast(123456789.123456789 as numeric) ; cast(1.005 as numeric(18, 2)) ; cast(cast(0.1 as float64) as numeric)
cast(1e15 / 7 as numeric) ; cast(cast('nan' as float64) as numeric) ; safe_cast(cast('inf' as float64) as numeric)
cast(numeric '1.239' as numeric(18, 2)) ; cast('1.235' as numeric(18, 2)) ; cast('-1.235' as numeric(18, 2))
cast('12345678901234567.5' as numeric(18, 2)) ; safe_cast('1e29' as numeric) ; safe_cast('abc' as numeric)
parse_numeric('1.25') ; parse_numeric('x') ; cast(numeric '2.5' as int64) ; cast(numeric '-2.5' as int64)
cast(1.5 as numeric) * 3 ; numeric '3' * 1.1 ; 1.1 * numeric '3' ; -1.5 + numeric '1' ; numeric '1' / 0.3
numeric '12345678901234567.89' + 0.5 ; numeric '12345678901234567.89' > 12345678901234567.88
numeric '1.000000001' * numeric '1.000000001' ; numeric '0.00005' * numeric '0.00001'
-numeric '0.00005' * numeric '0.00001' ; 100 * cast('9999999999999999.99' as numeric(18, 2))
2147483647 * cast('9999999999999999.99' as numeric(18, 2)) ; numeric '1.5' * numeric '1.5' * numeric '1.5' * 7
cast('99999999999999.99' as numeric(18, 2)) * cast('99999999999999.99' as numeric(18, 2))
numeric '1' / 3 ; 1 / numeric '3' ; numeric '2' / 3 ; numeric '-2' / 3 ; numeric '1' / numeric '30000000000000000000'
numeric '99999999999999999999999999999' / numeric '33333333333333333333' ; numeric '1' / 0 ; numeric '0' / 7
safe_divide(numeric '1', 3) ; safe_divide(numeric '1', 0) ; safe_multiply(numeric '1e20', numeric '1e20')
div(numeric '7.5', 2) ; div(numeric '-7.5', 2) ; mod(numeric '7.5', 2) ; mod(numeric '-7.5', 2)
div(numeric '9.999999999', numeric '10') ; round(numeric '2.5') ; round(numeric '-2.345', 2)
trunc(numeric '-2.345', 2) ; round(numeric '1234.5', -2) ; floor(numeric '-2.5') ; ceil(numeric '-2.5')
abs(numeric '-2.5') ; sign(numeric '-2.5') ; -numeric '1.5' ; greatest(numeric '1.5', 2) ; if(true, numeric '1.5', 2)
coalesce(null, numeric '1.5') ; nullif(numeric '0.00', 0) ; numeric '0.1' = 0.1 ; numeric '1.5' between 1 and 2
(numeric '1.5' + 2) * (3 - numeric '0.5') / 7 ; numeric '1e20' * numeric '1e9' ; numeric '1' / 3 * 3 ; 7 / 2 ; 3 * 1.5
"""
AGGREGATES = """
avg(x) ; sum(x) ; sum(x) / count(*) ; sum(x) / sum(y) ; avg(x) * 100 ; sum(x * y) ; sum(y) * sum(x) ; round(avg(x), 2)
max(x) * min(x) ; sum(distinct x) ; avg(distinct x) ; count(*) * numeric '1.5' ; sum(if(y > 3, x, 0)) / nullif(sum(y), 0)
div(sum(y), 3) ; cast(sum(y) as numeric) / 7 ; 100 * sum(x) / max(x) ; round(100 * sum(x) / max(x), 1) ; sum(x) - avg(x)
mod(sum(y), 7) ; sum(cast(x as numeric(18, 2))) ; sum(x) * 0.1 ; avg(x) / avg(x) * sum(y) ; avg(y) * avg(x) > 0
cast(sum(x) as numeric(31, 2)) ; sum(x) * 1 + 0.5 ; sum(y) * 2 ; avg(x * x) ; safe_divide(sum(x), sum(x) - sum(x))
"""
WINDOWS = """
avg(x) over (order by y) ; sum(x) over (order by y) / count(*) over (order by y) ; lag(x) over (order by y) * 2
x / sum(x) over () ; row_number() over (order by y) * x ; rank() over (order by y) / numeric '3'
"""
ROWS = f"""unnest([struct(numeric '1.5' as x, 3 as y), struct(numeric '-2.123456789', 4), struct(null, null),
    struct(numeric '99999999999999999.99', 9223372036854775), struct(numeric '{MOST}' / 1e9, 5)])"""


def listed(text: str) -> list[str]:
    return [each.strip() for line in text.strip().splitlines() for each in line.split(" ; ")]


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
    """The rows of a query here and in the reference implementation; "an error" where it ends in one."""
    try:
        expected: Any = texts(sql)
    except RefusedError:
        expected = "an error"
    try:
        return ask(sql), expected
    except GoogleAPICallError:
        return "an error", expected


@pytest.mark.parametrize("expression", listed(EXPRESSIONS))
def test_an_expression_gives_what_google_gives(ask: Ask, expression: str) -> None:
    found, expected = both(ask, f"select cast({expression} as string) as v")
    assert found == expected


@pytest.mark.parametrize("expression", listed(AGGREGATES))
def test_an_aggregate_gives_what_google_gives(ask: Ask, expression: str) -> None:
    found, expected = both(ask, f"select cast({expression} as string) as v from {ROWS}")
    assert found == expected
    grouped = f"select cast({expression} as string) as v from {ROWS} group by y > 4 order by v"
    found, expected = both(ask, grouped)
    assert found == expected


@pytest.mark.parametrize("expression", listed(WINDOWS))
def test_a_window_function_gives_what_google_gives(ask: Ask, expression: str) -> None:
    found, expected = both(ask, f"select v from (select cast({expression} as string) as v from {ROWS}) order by v")
    assert found == expected


def number(dice: random.Random) -> str:
    digits = dice.randint(0, 10 ** dice.randint(0, 29) - 1)
    fraction = dice.choice(["", f".{dice.randint(0, 10**dice.randint(1, 9) - 1)}"])
    return f"{dice.choice(['', '-'])}{digits}{fraction}"


@pytest.mark.parametrize("seed", range(30))
def test_numbers_of_any_size_are_calculated_as_google_calculates_them(ask: Ask, seed: int) -> None:
    """Each alone first: what one refuses, the other refuses."""
    dice = random.Random(seed)
    pairs = [(number(dice), number(dice)) for _ in range(12)]
    for operation in ("a + b", "a - b", "safe_multiply(a, b)", "safe_divide(a, b)", "mod(a, nullif(b, 0))"):
        rows = ", ".join(f"struct({n} as n, numeric '{a}' as a, numeric '{b}' as b)" for n, (a, b) in enumerate(pairs))
        sql = f"select cast({operation} as string) as v from unnest([{rows}]) order by n"
        found, expected = both(ask, sql)
        assert found == expected, sql


def test_a_plain_numeric_keeps_its_digits_wherever_it_is_written(ask: Ask) -> None:
    value = "12345678901234567890.123456789"
    ask("create table exact.told (a numeric, b struct<c numeric, d array<numeric>>, e numeric(18, 2))")
    ask(f"insert into exact.told (a, b, e) values (numeric '{value}', (numeric '{value}', [numeric '{value}']), 1.235)")
    ask("alter table exact.told add column f numeric")
    ask(f"update exact.told set f = cast('{value}' as numeric) where true")
    ask("create view exact.seen as select cast(a as numeric) as a, f from exact.told")
    ask("create table exact.made as select a, safe_cast(cast(f as string) as numeric) as f from exact.seen")
    ask("create function exact.twice(x numeric) as (x * 2 - x)")
    ask("create table function exact.of(x numeric) as select a from exact.told where a = x")
    exact = Decimal(value)
    assert ask("select a, b.c, b.d[offset(0)], e, f from exact.told") == [
        (exact, exact, exact, Decimal("1.24"), exact)
    ]
    assert ask("select a, f from exact.made union all select a, 1 from exact.seen order by f") == [
        (exact, 1),
        (exact, exact),
    ]
    assert ask(f"select exact.twice(a), exact.twice('{value}') from exact.told") == [(exact, exact)]
    assert ask(f"select a from exact.of(numeric '{value}')") == [(exact,)]
    assert ask("select a from exact.told where a = @x", ScalarQueryParameter("x", "NUMERIC", exact)) == [(exact,)]


def test_a_numeric_arrives_as_text_without_zeros_at_its_end(ask: Ask) -> None:
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


def test_a_table_made_by_the_api_takes_all_digits_of_a_load_job(client: Client, ask: Ask) -> None:
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
def test_a_parquet_file_with_more_digits_than_fit_is_refused_by_its_column(client: Client, kind: Any) -> None:
    client.create_table(Table(f"{client.project}.exact.wide", [SchemaField("a", "NUMERIC")]), exists_ok=True)
    with pytest.raises(GoogleAPICallError, match="column a"):
        load(client, "wide", pa.array([Decimal("1.5")], kind))
