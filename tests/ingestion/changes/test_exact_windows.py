"""Each batch reads exactly the rows that changed since the previous one, with concurrent writers."""

import operator
import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

from config.settings import Settings
from ingestion.batch import run_batch
from ingestion.changes.xid import TOO_MANY_ENDED
from ingestion.read_window import Xids
from ingestion.source.sql import written_by
from metadata.spec import Catalog, Table
from sandbox.schema import create_schema
from tests.ingestion.generated_rows import fill, rewrite
from tests.shop import World
from warehouse import queries
from warehouse.client import connect

pytestmark = pytest.mark.services

KEYS = 20
BATCHES = 4

Row = tuple[Any, ...]


@contextmanager
def transaction(world: World) -> Iterator[psycopg.Connection]:
    """A separate writer with an open transaction."""
    with psycopg.connect(str(world.settings.source_dsn), connect_timeout=10) as writer:
        yield writer


def upserts(world: World) -> list[int]:
    """Load, and return the number of rows loaded for each table."""
    return [table.rows_upserted for table in world.load().tables]


def test_transactions_that_ended_during_an_open_one_are_read_once(shop: World) -> None:
    shop.load()
    with transaction(shop) as slow:
        slow.execute("update shop.accounts set balance = 20 where account_id = 1")
        with transaction(shop) as quick, quick.transaction():
            quick.execute("update shop.accounts set balance = 30 where account_id = 2")
            with quick.transaction():  # a savepoint, whose rows have their own id
                quick.execute("insert into shop.visits values (9, 2, '2013-01-02')")
        assert upserts(shop) == [1, 1]
        assert upserts(shop) == [0, 0], "the same rows were read again"
        shop.source.execute("insert into shop.visits values (10, 2, '2013-01-03')")
        assert upserts(shop) == [0, 1]
    assert upserts(shop) == [1, 0]
    assert [row["balance"] for row in shop.latest("shop.accounts")] == [20, 30, -1]


def test_a_savepoint_of_an_open_transaction_is_read_after_it_ends(shop: World) -> None:
    """Its id is in the range of the snapshot and not listed as running, but has not ended."""
    shop.load()
    with transaction(shop) as slow:
        slow.execute("select 1")  # the transaction begins, so the next block is a savepoint
        with slow.transaction():
            slow.execute("update shop.accounts set balance = 20 where account_id = 1")
        shop.source.execute("update shop.accounts set balance = 30 where account_id = 2")
        assert upserts(shop) == [1, 0]
        assert upserts(shop) == [0, 0]
    assert upserts(shop) == [1, 0]
    assert [row["balance"] for row in shop.latest("shop.accounts")] == [20, 30, -1]


def test_a_row_written_again_by_an_open_transaction_is_read_again(shop: World) -> None:
    shop.load()
    with transaction(shop) as slow:
        slow.execute("insert into shop.visits values (9, 1, '2013-01-02')")
        assert upserts(shop) == [0, 0]
        slow.execute("update shop.visits set account_id = 2 where visit_id = 9")
    assert upserts(shop) == [0, 1]
    assert shop.latest("shop.visits")[-1]["account_id"] == 2


def test_each_updated_row_is_read_once_with_its_last_values(shop: World) -> None:
    shop.load()
    shop.source.execute("update shop.visits set account_id = account_id where visit_id = 7")
    for balance in range(5):
        shop.source.execute("update shop.accounts set balance = %s where account_id = 1", [balance])
    assert upserts(shop) == [1, 1]
    assert shop.latest("shop.accounts")[0]["balance"] == 4


def test_a_rolled_back_change_is_not_read(shop: World) -> None:
    shop.load()
    with transaction(shop) as writer:
        writer.execute("update shop.accounts set balance = 20 where account_id = 1")
        writer.rollback()
    assert upserts(shop) == [0, 0]


def test_too_many_ended_transactions_cause_repeated_rows_and_a_reason(
    shop: World,
) -> None:
    shop.load()
    with transaction(shop) as slow:
        slow.execute("update shop.accounts set balance = 20 where account_id = 1")
        shop.source.execute("insert into shop.visits values (9, 1, '2013-01-02')")
        assert upserts(shop) == [0, 1]
        shop.ask("update {audit}.batches set ended_xids = null where true")
        report = shop.load()
    assert report.tables[1].rows_upserted == 1
    assert TOO_MANY_ENDED in report.tables[1].reason


def test_old_rows_do_not_look_new_after_a_wraparound(shop: World) -> None:
    """A frozen row keeps its xmin, and the counter reaches the same 32 bits after 4 billion transactions."""
    row = shop.source.execute("select txid_current()").fetchone()
    assert row is not None
    now, circle = row[0], 2**32
    written = {now - 20: False, now - 10: True, now - 7: False, now - 5: True, now - 1: True, now: False}
    aliases = {now + ahead: False for ahead in (5, 100, circle // 2 - 100, circle // 2 + 100)}
    permanent = {1: False, 2: False}  # bootstrap, and frozen by a server before 9.4
    expected = {xid % circle: is_in for xid, is_in in (written | aliases | permanent).items()}
    condition = written_by(Xids(now - 10, now, frozenset({now - 7}))).as_string(None)
    query = f"select id, {condition.replace('xmin', 'id::text::xid')} from unnest(%s::bigint[]) as id"
    found = shop.source.execute(query.encode(), [list(expected)]).fetchall()
    assert dict(found) == expected


@pytest.mark.proof
def test_concurrent_writers_cause_no_missing_or_duplicate_rows(
    settings: Settings, source_dsn: str, catalog: Catalog
) -> None:
    """All tables, also those without a change column: four batches during writes, and one after."""
    with psycopg.connect(source_dsn, autocommit=True, connect_timeout=10) as source:
        create_schema(source, catalog)
        source.execute("set session_replication_role = replica")  # the generated rows violate foreign keys
        for table in catalog.tables:
            fill(source, table, KEYS)
        with writers(source_dsn, catalog):
            for _ in range(BATCHES):
                run_batch(settings, catalog, allow_shrink=True)
        last = run_batch(settings, catalog, allow_shrink=True)
        assert run_batch(settings, catalog).rows_loaded == 0
        client = connect(settings)
        written = 0
        for table in catalog.tables:
            names = [column.name for column in table.loaded_columns]
            listed = ", ".join(names)
            expected = source.execute(
                f"select {listed} from {table.qualified} order by 1".encode()
            ).fetchall()
            raw = queries.query(
                client,
                f"select {listed}, change_type from {settings.dataset('raw')}.{table.raw_name} "
                "order by load_dts",
            )
            delivered = _by_key(table, raw, names)
            latest = [rows[-1] for rows in delivered.values() if rows[-1] is not None]
            assert sorted(latest, key=lambda row: row[0]) == expected, table.qualified
            twice = [rows for rows in delivered.values() if any(map(operator.eq, rows, rows[1:]))]
            assert twice == [], table.qualified
            written += sum(len(rows) - 1 for rows in delivered.values())
    assert written > len(catalog.tables), "the writers wrote too few rows for this test"
    assert last.batch_id == BATCHES + 1


def _by_key(table: Table, raw: list[dict[str, Any]], names: list[str]) -> dict[Row, list[Row | None]]:
    """Return the loaded rows by key, in order; None for a delete."""
    delivered: defaultdict[Row, list[Row | None]] = defaultdict(list)
    for row in raw:
        key = tuple(row[name] for name in table.primary_key)
        values = tuple(row[name] for name in names)
        delivered[key].append(None if row["change_type"] == "delete" else values)
    return delivered


@contextmanager
def writers(dsn: str, catalog: Catalog) -> Iterator[None]:
    """Run two writers that update, delete and insert rows of all tables until the block ends."""
    stop = Event()
    errors: list[BaseException] = []

    def write(seed: int) -> None:
        try:
            with psycopg.connect(dsn, connect_timeout=10) as writer:
                _write(writer, catalog, random.Random(seed), stop)
        except BaseException as error:
            errors.append(error)

    threads = [Thread(target=write, args=[seed]) for seed in (0, 1)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert errors == []


def _write(writer: psycopg.Connection, catalog: Catalog, choice: random.Random, stop: Event) -> None:
    """Run transactions of some writes. Each writer uses other keys, so that none waits for the other."""
    writer.execute("set session_replication_role = replica")
    writer.commit()
    version = 100
    keys = range(1, KEYS, 2) if choice.random() < 0.8 else range(2, KEYS, 2)
    while not stop.wait(0.01):
        for _ in range(choice.randint(1, 40)):
            version += 1
            table, key = choice.choice(catalog.tables), choice.choice(keys)
            with writer.transaction(force_rollback=choice.random() < 0.2):  # each a savepoint
                rewrite(writer, table, key, version, gone=choice.random() < 0.2)
            if choice.random() < 0.1 and stop.wait(0.2):
                break
        if choice.random() < 0.2:
            writer.rollback()
        else:
            writer.commit()
