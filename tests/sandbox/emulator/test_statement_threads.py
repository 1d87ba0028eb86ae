"""Test that the local warehouse runs concurrent statements correctly."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.api_core.exceptions import BadRequest
from google.cloud.bigquery import Client

from config.settings import Settings
from warehouse.client import connect

AT_ONCE = 8
TIMEOUT_S = 60
DATASET = "threads"
NUMBERS = "unnest(generate_array(1, 40000))"
SLOW = f"select count(*) from {NUMBERS} as a, {NUMBERS} as b where a <> b"

Ask = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def ask(settings: Settings) -> Iterator[Ask]:
    client: Client = connect(settings, "test")
    client.create_dataset(DATASET, timeout=TIMEOUT_S)

    def answer(sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in client.query(sql, timeout=TIMEOUT_S).result(timeout=TIMEOUT_S)]

    yield answer
    client.delete_dataset(DATASET, delete_contents=True, timeout=TIMEOUT_S)


def at_once(ask: Ask, *statements: str) -> list[list[tuple[Any, ...]]]:
    with ThreadPoolExecutor(len(statements)) as pool:
        return list(pool.map(ask, statements))


def test_concurrent_merges_insert_a_missing_row_once(ask: Ask) -> None:
    ask(f"create table {DATASET}.held (n int64)")
    merge = (
        f"/* a comment first */ merge into {DATASET}.held as held using (select 1 as n) as come "
        "on held.n = come.n when not matched then insert (n) values (come.n)"
    )
    at_once(ask, *[merge] * AT_ONCE)
    assert ask(f"select n from {DATASET}.held") == [(1,)]


def test_concurrent_updates_are_all_applied(ask: Ask) -> None:
    ask(f"create table {DATASET}.counted as select 0 as n")
    at_once(ask, *[f"update {DATASET}.counted set n = n + 1 where true"] * AT_ONCE)
    assert ask(f"select n from {DATASET}.counted") == [(AT_ONCE,)]


def test_concurrent_statements_can_create_the_same_table(ask: Ask) -> None:
    make = f"create or replace table {DATASET}.made as select n from unnest(generate_array(1, 1000)) as n"
    at_once(ask, *[make] * AT_ONCE)
    assert ask(f"select count(*), max(n) from {DATASET}.made") == [(1000, 1000)]


def test_queries_are_answered_concurrently(ask: Ask) -> None:
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(ask, SLOW)
        quick = [ask("select 1 as n") for _ in range(3)]
        assert not slow.done()
        assert quick == [[(1,)]] * 3
        assert slow.result() == [(40000 * 40000 - 40000,)]


def test_a_failed_statement_does_not_affect_the_next(ask: Ask) -> None:
    for _ in range(2 * AT_ONCE):
        with pytest.raises(BadRequest, match="ivision by zero"):
            ask("select 1 / n as quotient from unnest([0]) as n")
    assert ask("select 1 as n") == [(1,)]
