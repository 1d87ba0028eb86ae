"""Test that errors of the emulator are shown in BigQuery's terms, not in those of its engine."""

import re

import pytest

from audit.query import ask
from config.errors import PermanentError
from config.settings import Settings
from warehouse.client import connect
from warehouse.emulator_errors import plain_message
from warehouse.queries import query

ENGINE_WORDS = re.compile(
    r"duckdb|sqlglot|bqemu|binder|(catalog|conversion|out of range|parser) error|invalid input"
    r"|candidate|varchar|bigint|hugeint|integer_literal|string_literal|timestamptz|\bdouble\b|wwi-local__"
    r"|(?-i:LINE) \d|\^|<class|query execution failed|POST http|\x1b|Location:|Job ID"
    r"|prepared statement|EXCLUDE",
    re.IGNORECASE,
)

FAULTS = [
    ("select order_idd from {t}", r"no column 'order_idd'\. Did you mean 'order_id'\?"),
    ("select a.order_idd from {t} as a", r"no column 'order_idd'\. Did you mean 'order_id'\?"),
    ("select * from {t} order by order_idd", r"no column 'order_idd'"),
    ("with a as (select 1 as price) select pric from a", r"Did you mean 'price'\?"),
    ("select * except (nope) from {t}", r"no column 'nope'"),
    ("select struct(1 as a).b", r"no field 'b'"),
    ("select z.order_id from {t} as y", r"no table or alias 'z'"),
    ("select nosuch(order_id) from {t}", r"no function 'nosuch'"),
    ("select * from nofunc(1)", r"no table function 'nofunc'"),
    ("select upper(order_id) from {t}", r"upper does not take \(INT64\)"),
    ("select sum(name) from {t}", r"sum does not take \(STRING\)"),
    ("select 1 + 'a'", r"does not take \(INT64, STRING\)"),
    ("select order_id from {t} where name > 1", r"STRING and INT64 cannot be compared"),
    ("select order_id, count(*) from {t}", r"'order_id' must be in GROUP BY"),
    ("select order_id from {t} where sum(order_id) > 1", r"WHERE cannot contain aggregates"),
    ("select sum(sum(order_id)) from {t}", r"aggregate function cannot contain"),
    ("select name from {t} as a cross join {t} as b", r"'name' is in more than one table"),
    ("select (select n from unnest([1, 2]) as n)", r"more than one row"),
    ("select 1 union all select 1, 2", r"different numbers of columns"),
    ("select 1 / 0", r"[Dd]ivision by zero"),
    ("select 9223372036854775807 * 2", r"out of the range"),
    ("select cast('a' as int64)", r"'a' cannot be converted to INT64"),
    ("select cast('99999999999999999999' as int64)", r"cannot be converted to INT64"),
    ("select cast('1234567890123456789' as numeric(18, 2))", r"cannot be converted to NUMERIC\(18,2\)"),
    ("select cast('abc' as float64)", r"'abc' cannot be converted to FLOAT64"),
    ("select cast('abc' as bool)", r"'abc' cannot be converted to BOOL"),
    ("select cast('abc' as date)", r"'abc' is not a valid date"),
    ("select cast('abc' as timestamp)", r"'abc' is not a valid timestamp"),
    ("select date '2013-13-01'", r"'2013-13-01' is not a valid date"),
    ("select timestamp '2013-99-01 00:00:00'", r"is not a valid timestamp"),
    ("select parse_date('%Y', 'abc')", r"'abc' does not match the format '%Y'"),
    ("select @x", r"query parameter"),
    ("select count(distinct) from {t}", r"[Ss]yntax error"),
    ("select sqrt(-1)", r"square root of a negative number"),
    ("select ln(0)", r"logarithm of zero"),
    ("select json_value('{{', '$.a')", r"JSON"),
    ("select extract(foo from date '2013-01-01')", r"FOO"),
    ("select date_add(date '2013-01-01', interval 1 foo)", r"FOO"),
    ("select regexp_contains('a', '(')", r"missing \)"),
    ("select error('my words')", r"my words"),
    ("select * from unnest(1)", r"UNNEST"),
    ("select cast(1 as nosuchtype)", r"[Ss]yntax error"),
    (
        "select j.v from (select numeric '1.5' as x) cross join unnest([struct(1 as a, x * x as v)]) as j",
        r"cannot multiply.* inside a correlated UNNEST",
    ),
    ("selec 1", r"[Ss]yntax error"),
    ("select (1", r"[Ss]yntax error"),
    ("select 'abc", r"not closed"),
    ("select 1 from {t} where", r"[Ss]yntax error"),
]


@pytest.fixture(scope="module")
def table(settings: Settings) -> str:
    client = connect(settings)
    dataset = settings.dataset("marts")
    query(client, f"create schema if not exists {dataset}")
    query(client, f"create table {dataset}.fct_sale as select 1 as order_id, 'a' as name")
    return f"{dataset}.fct_sale"


@pytest.mark.services
@pytest.mark.local("it is about the words of the emulator")
@pytest.mark.parametrize(("sql", "expected"), FAULTS, ids=[sql for sql, _ in FAULTS])
def test_an_error_of_the_emulator_is_shown_in_plain_words(
    sql: str, expected: str, table: str, settings: Settings
) -> None:
    with pytest.raises(PermanentError, match=expected) as refused:
        ask(settings, sql.format(t=table))
    assert ENGINE_WORDS.findall(str(refused.value)) == []
    assert "\n" not in str(refused.value)


@pytest.mark.services
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("{marts}.fct_sal", r"no table 'fct_sal' in \w+\. Did you mean 'fct_sale'\?"),
        ("`wwi-local`.{marts}.fct_sal", r"no table 'fct_sal' in \w+\. Did you mean 'fct_sale'\?"),
        ("{marts}s.fct_sale", r"no dataset '\w+'\. Did you mean '\w+_marts'\?"),
        ("fct_sale", r"the table 'fct_sale' has no dataset\. Write \w+_marts\.fct_sale\."),
        ("{vault}.hub_customer", r"no dataset '\w+' yet: nothing is loaded\. Run `wwi run`\."),
    ],
)
def test_an_unknown_table_is_reported_with_the_closest_name(
    name: str, expected: str, table: str, settings: Settings
) -> None:
    full = name.format(marts=settings.dataset("marts"), vault=settings.dataset("raw_vault"))
    with pytest.raises(PermanentError, match=expected):
        ask(settings, f"select * from {full}")


@pytest.mark.parametrize(
    "text",
    [
        "Unrecognized name: order_idd; Did you mean order_id? at [1:8]",
        'Syntax error: Unexpected identifier "selec" at [1:1]',
        "An internal error occurred and the request could not be completed. Error: 80324028",
        "Access Denied: Table p:d.t: User does not have permission to query table p:d.t.",
    ],
)
def test_error_texts_of_bigquery_are_not_changed(text: str) -> None:
    assert plain_message(text) == text
