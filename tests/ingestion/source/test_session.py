"""Settings of a role, a database or the environment do not change what is read."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from threading import Thread

import psycopg
import pytest
from psycopg import sql

from config.errors import PermanentError
from config.settings import Settings
from ingestion.read_window import Snapshot, Window, Xids
from ingestion.source import catalog, postgres, session
from ingestion.source import dsn as source_dsn
from ingestion.source.login import log_in
from ingestion.source.session import Transaction
from ingestion.source.sql import select_rows
from metadata.spec import Catalog
from tests.ingestion import disruptive_settings
from tests.ingestion.disruptive_settings import ODD
from tests.shop import World

pytestmark = pytest.mark.services

ALL_ROWS = Window("full", "test")


@pytest.fixture(scope="module")
def odd(source_dsn: str) -> str:
    """The DSN of a source with a table whose text values depend on settings."""
    with psycopg.connect(source_dsn, autocommit=True, connect_timeout=10) as source:
        source.execute(disruptive_settings.CREATE)
    return source_dsn


def read(settings: Settings) -> tuple[object, ...]:
    """Read all that a batch reads: catalog, counts, all rows, and changed rows."""
    with closing(postgres.connect(settings)) as coordinator:
        live = catalog.live_tables(coordinator, [ODD])
        exported = postgres.export_snapshot(coordinator, [ODD])
        changed = Window("incremental", "test", Xids(3, exported.snapshot.xmax))
        with closing(postgres.open_reader(settings, exported)) as reader:
            counts = postgres.count_tables(reader, [postgres.CountRequest(ODD, (), changed, None)])
            rows = [
                b"".join(postgres.copy_out(reader, select_rows(ODD, (), window), 1000))
                for window in (ALL_ROWS, changed)
            ]
    return live, counts, rows


@pytest.fixture(scope="module")
def plain(settings: Settings, odd: str) -> tuple[object, ...]:
    return read(settings)


def test_values_are_read_in_canonical_form(plain: tuple[object, ...]) -> None:
    _, counts, (rows, changed) = plain
    assert counts["shop.odd"].changed == 50
    assert rows == changed
    assert rows.decode().splitlines()[0] == (
        "1,2013-02-01 03:04:05.678901,2013-02-01 23:30:00+00,2013-02-03,P1Y2M-3DT4H5M6.7S,"
        '0.30000000000000004,0.1,1234.56,"[""$1,234.50"",null]",00ff5c41,"[""\\\\x00ff5c""]",'
        '"[""2013-02-01T23:30:00+00:00""]","[""2013-02-01 00:00:00+00"",""2013-02-02 00:00:00+00"")",'
        'Zoë \\ \'quoted\',shop.odd,"[1,null]","[0:1]={7,8}"'
    )


@pytest.mark.parametrize("name", disruptive_settings.SETTINGS)
def test_no_setting_of_the_role_changes_what_is_read(
    settings: Settings, odd: str, plain: tuple[object, ...], name: str
) -> None:
    with disruptive_settings.login(odd, f"hostile_{name}", {name: disruptive_settings.SETTINGS[name]}) as dsn:
        assert read(settings.model_copy(update={"source_dsn": dsn})) == plain


def test_no_setting_of_the_environment_changes_what_is_read(
    settings: Settings, odd: str, plain: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("PGTZ", "Asia/Tokyo"), ("PGDATESTYLE", "German"), ("PGCLIENTENCODING", "LATIN1")):
        monkeypatch.setenv(name, value)
    options = " ".join(
        f"-c {name}={value.replace(' ', '')}" for name, value in disruptive_settings.SETTINGS.items()
    )
    monkeypatch.setenv("PGOPTIONS", options)
    assert read(settings) == plain


def test_all_settings_together_do_not_change_a_batch(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    name = str(shop.settings.source_dsn).rpartition("/")[2]
    shop.source.execute(disruptive_settings.CREATE.replace("create schema shop;", ""))
    world = World(shop.settings, Catalog(tables=(ODD,), hubs=()), shop.source, shop.client)
    world.load()
    expected = world.latest("shop.odd")
    for setting, value in disruptive_settings.SETTINGS.items():
        shop.source.execute(
            sql.SQL("alter database {} set {} = {}").format(
                sql.Identifier(name),
                sql.Identifier(setting),
                sql.SQL(value) if setting == "search_path" else sql.Literal(value),
            )
        )
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    report = world.load(full=True)
    assert report.tables[0].rows_upserted == len(expected) == 50
    assert world.latest("shop.odd") == expected
    assert abs((report.applied_dts - datetime.now(UTC).replace(tzinfo=None)).total_seconds()) < 600


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_changes_committed_while_waiting_for_locks_are_visible(
    settings: Settings, odd: str, isolation: str
) -> None:
    """In the isolation level of the role, the snapshot would be older than the locks."""
    exported_snapshots: list[postgres.SourceSnapshot] = []
    with (
        disruptive_settings.login(
            odd, "hostile_isolation", {"default_transaction_isolation": isolation}
        ) as dsn,
        closing(postgres.connect(settings.model_copy(update={"source_dsn": dsn}))) as coordinator,
        psycopg.connect(odd, connect_timeout=10) as writer,
        psycopg.connect(odd, autocommit=True, connect_timeout=10) as watcher,
    ):
        writer.execute("lock table shop.odd in access exclusive mode")
        xid = writer.execute("select pg_current_xact_id()::text::bigint").fetchone()
        thread = Thread(
            target=lambda: exported_snapshots.append(postgres.export_snapshot(coordinator, [ODD]))
        )
        thread.start()
        waiting = "select count(*) from pg_locks where not granted and pid = %s"
        while watcher.execute(waiting, [coordinator.info.backend_pid]).fetchone() == (0,):
            pass
        writer.commit()
        thread.join(30)
    assert xid is not None
    assert [exported.snapshot.xmax > xid[0] for exported in exported_snapshots] == [True]


def test_no_setting_outlives_the_transaction(odd: str) -> None:
    """A pooler would pass it on to the next client."""
    everything = "select name, setting, source from pg_settings order by name"
    prepared = "select count(*) from pg_prepared_statements"
    with closing(log_in(source_dsn.parse(odd))) as connection:
        before = connection.execute(everything).fetchall()
        session.begin(connection, Transaction("read committed", 7))
        postgres.export_snapshot(connection, [ODD])
        for _ in range(20):
            catalog.live_tables(connection, [ODD])
        assert connection.execute(everything).fetchall() != before
        connection.rollback()
        assert connection.execute(everything).fetchall() == before
        assert connection.execute(prepared).fetchone() == (0,)


def test_a_pooler_that_shares_the_connection_by_statement_is_refused(odd: str) -> None:
    """Behind such a pooler, `begin` and `set local` do not affect the next statement."""
    with (
        closing(log_in(source_dsn.parse(odd))) as connection,
        pytest.raises(PermanentError, match=r"does not keep a transaction.*pool_mode"),
    ):
        session.check_in_force(connection, "read committed")


def test_readers_of_another_server_are_refused(settings: Settings, odd: str) -> None:
    with closing(postgres.connect(settings)) as coordinator:
        exported = postgres.export_snapshot(coordinator, [ODD])
        elsewhere = (
            replace(exported, source_system="1/1/x"),
            replace(exported, snapshot=Snapshot("1:1:", 1, 1)),
        )
        for other in elsewhere:
            with pytest.raises(PermanentError, match="different servers"):
                postgres.open_reader(settings, other)
        with pytest.raises(PermanentError, match=r"sharing the snapshot|beginning a transaction"):
            postgres.open_reader(settings, replace(exported, exported_as="00000000-00000000-1"))


def test_applied_time_is_utc_whatever_the_time_zone(settings: Settings, odd: str) -> None:
    with disruptive_settings.login(odd, "hostile_zone", {"timezone": "Pacific/Kiritimati"}) as dsn:
        with closing(postgres.connect(settings.model_copy(update={"source_dsn": dsn}))) as connection:
            found = postgres.export_snapshot(connection, [ODD]).applied_dts
        with psycopg.connect(odd, connect_timeout=10) as source:
            later = source.execute("select now() at time zone 'UTC'").fetchone()
    assert later is not None
    assert 0 <= (later[0] - found).total_seconds() < 600


def test_the_connection_can_only_read(settings: Settings, odd: str) -> None:
    with (
        closing(postgres.connect(settings)) as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        connection.execute("delete from shop.odd")
