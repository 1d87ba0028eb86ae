"""Test that names reserved only by the local engine, such as `at`, can be used."""

import duckdb
import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.cloud.bigquery import Client, QueryJobConfig

from config.settings import Settings
from tests.googlesql.execution import texts
from warehouse.client import connect

TIMEOUT_S = 60
STATEMENT = """
with
    numbers as (select 2 as `{name}`, numeric '1.50' as x),
    calculated as (
        select
            `{name}`,
            cast(`{name}` as string) as whole,
            cast(`{name}` * x as string) as product,
            cast(avg(x * `{name}`) over (partition by `{name}`) as string) as mean
        from numbers
        where `{name}` > 1
    )
select whole, product, mean, cast(cast(`{name}` as numeric) as string) as text
from calculated
group by `{name}`, whole, product, mean
order by `{name}`
"""
RESERVED = "select distinct keyword_name from duckdb_keywords() where keyword_category <> 'unreserved'"
ANSWER = [("2", "3", "3", "2")]


def ask(settings: Settings, sql: str) -> list[tuple[str, ...]]:
    client: Client = connect(settings, "test")
    job = client.query(sql, QueryJobConfig(use_query_cache=False), timeout=TIMEOUT_S, retry=None)
    return [tuple(row) for row in job.result(timeout=TIMEOUT_S, retry=None)]


def test_a_column_may_have_a_name_that_the_local_engine_reserves(settings: Settings) -> None:
    assert texts(STATEMENT.format(name="at")) == ANSWER
    names = {name for (name,) in duckdb.sql(RESERVED).fetchall()}
    assert {"at", "asof", "coalesce", "lambda", "select"} <= names
    found = {name: ask(settings, STATEMENT.format(name=name)) for name in names}
    assert {name: rows for name, rows in found.items() if rows != ANSWER} == {}


def test_a_statement_that_cannot_be_calculated_exactly_is_an_error(settings: Settings) -> None:
    """SQLGlot parses `lambda` after a bracket as a keyword, even in quotes."""
    with pytest.raises(GoogleAPICallError, match="cannot calculate this statement exactly"):
        ask(
            settings,
            "select cast(avg(`lambda` * x) as string) from (select 1 as `lambda`, numeric '1.5' as x)",
        )
