"""Waiting for locks is limited, for the batch and for other sessions."""

from collections.abc import Iterator
from contextlib import closing
from threading import Thread

import psycopg
import pytest

from config.errors import TransientError
from config.settings import Settings
from ingestion.report import Progress
from ingestion.source import postgres
from ingestion.source import session as source_session
from tests.shop import SHOP, World, create

pytestmark = pytest.mark.services

TABLES = SHOP.tables


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "LOCK_TIMEOUT_S", 1)
    monkeypatch.setitem(source_session.LIMITS, "lock_timeout", ("'1s'", 12))


@pytest.fixture(scope="module")
def tables(source_dsn: str) -> str:
    with psycopg.connect(source_dsn, autocommit=True, connect_timeout=10) as source:
        create(source, TABLES)
    return source_dsn


@pytest.fixture
def other(tables: str) -> Iterator[psycopg.Connection]:
    """A session of the application."""
    with psycopg.connect(tables, connect_timeout=10) as session:
        yield session
        session.rollback()


def test_a_locked_table_is_reported_with_the_session_that_locks_it(
    settings: Settings, other: psycopg.Connection
) -> None:
    other.execute("lock table shop.visits in access exclusive mode")
    with closing(postgres.connect(settings)) as coordinator:
        with pytest.raises(TransientError) as error:
            postgres.export_snapshot(coordinator, TABLES)
        held = coordinator.execute(
            "select count(*) from pg_locks "
            "where pid = pg_backend_pid() and relation = 'shop.accounts'::regclass"
        ).fetchone()
    assert f"shop.visits is locked by the session with pid {other.info.backend_pid}" in str(error.value)
    assert "Run again" in str(error.value)
    assert held == (0,), "the locks taken so far are released"


def test_the_wait_for_all_tables_together_is_limited(
    settings: Settings, other: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """lock_timeout alone starts again for each table."""
    monkeypatch.setitem(source_session.LIMITS, "lock_timeout", ("'60s'", 12))
    other.execute("lock table shop.visits in access exclusive mode")
    with (
        closing(postgres.connect(settings)) as coordinator,
        pytest.raises(TransientError, match=r"shop\.visits is locked"),
    ):
        postgres.export_snapshot(coordinator, TABLES)


def test_a_reader_does_not_wait_behind_a_statement_that_waits_for_the_coordinator(
    settings: Settings, other: psycopg.Connection, tables: str
) -> None:
    """That would be a deadlock that Postgres cannot detect."""
    with (
        closing(postgres.connect(settings)) as coordinator,
        psycopg.connect(tables, autocommit=True, connect_timeout=10) as watcher,
    ):
        exported = postgres.export_snapshot(coordinator, TABLES)
        thread = Thread(target=lambda: other.execute("alter table shop.visits add column more text"))
        thread.start()
        waiting = "select count(*) from pg_locks where not granted and pid = %s"
        while watcher.execute(waiting, [other.info.backend_pid]).fetchone() == (0,):
            pass
        with pytest.raises(TransientError, match=r"shop\.visits is locked"):
            postgres.open_reader(settings, exported)
    thread.join(30)
    assert not thread.is_alive(), "the batch released its locks"


def test_a_statement_that_waits_for_the_batch_does_not_block_it(shop: World) -> None:
    """The readers already have their locks, so they do not wait for it."""
    threads = []

    def alter(progress: Progress) -> None:
        if progress.stage == "planned":
            change = "alter table shop.visits add column more text"
            threads.append(Thread(target=lambda: shop.source.execute(change.encode())))
            threads[0].start()
            with psycopg.connect(
                str(shop.settings.source_dsn), autocommit=True, connect_timeout=10
            ) as watcher:
                waiting = "select count(*) from pg_locks where not granted and pid = %s"
                while watcher.execute(waiting, [shop.source.info.backend_pid]).fetchone() == (0,):
                    pass

    assert shop.load(on_progress=alter).rows_loaded == 5
    threads[0].join(30)
    assert not threads[0].is_alive()


def test_a_locked_table_leaves_no_batch_and_the_next_run_loads_it(shop: World) -> None:
    with psycopg.connect(str(shop.settings.source_dsn), connect_timeout=10) as application:
        application.execute("lock table shop.accounts in access exclusive mode")
        with pytest.raises(TransientError, match=r"shop\.accounts is locked"):
            shop.load()
        application.rollback()
    assert shop.statuses() == []
    assert shop.load().rows_loaded == 5
