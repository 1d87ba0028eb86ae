"""Relations without transaction ids stop the batch; keys without a unique index are checked."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from config.errors import PermanentError
from config.settings import Settings
from metadata.spec import Catalog
from sandbox import postgres as local_postgres
from tests.shop import SHOP, World, create, table

pytestmark = pytest.mark.services

FOREIGN = """
    create extension if not exists file_fdw;
    create server if not exists files foreign data wrapper file_fdw;
"""
OPTIONS = "server files options (program 'true', format 'csv')"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("alter table shop.visits rename to v; create view shop.visits as select * from shop.v",
         r"shop\.visits: is a view.* Load the tables that it reads, or a materialized view of it\."),
        (f"{FOREIGN} drop table shop.visits;"
         f"create foreign table shop.visits (visit_id bigint, account_id int, at timestamp) {OPTIONS}",
         r"shop\.visits: is a foreign table.* Load it from that server"),
        (f"{FOREIGN} create foreign table shop.far () inherits (shop.visits) {OPTIONS}",
         r"shop\.visits: its child table shop\.far is a foreign table.* Detach it"),
        ("drop table shop.visits; create sequence shop.visits", r"shop\.visits: is a sequence"),
        ("drop table shop.visits; create type shop.visits as (visit_id bigint)",
         r"shop\.visits: is not a table"),
    ],
)  # fmt: skip
def test_relations_without_transaction_ids_are_refused(shop: World, change: str, message: str) -> None:
    shop.load()
    shop.source.execute(change.encode())
    with pytest.raises(PermanentError, match=message) as error:
        shop.load()
    assert "xmin" not in str(error.value), "a grant would not help"
    assert shop.statuses() == ["completed"]


@pytest.mark.parametrize(
    ("schema", "name", "key", "message"),
    [
        ("pg_catalog", "pg_enum", "oid", r"pg_catalog\.pg_enum: is a system catalog"),
        ("pg_temp_shop", "passing", "id", r"passing: is a temporary table"),
    ],
)
def test_tables_of_the_server_or_of_one_session_are_refused(
    shop: World, schema: str, name: str, key: str, message: str
) -> None:
    if name == "passing":
        shop.source.execute("create temporary table passing (id integer primary key)")
        row = shop.source.execute(
            "select relnamespace::regnamespace::text from pg_class where relname = 'passing'"
        ).fetchone()
        schema = str(row[0]) if row else ""
    wanted = table(name, {key: "integer"}).model_copy(update={"schema_name": schema})
    world = World(shop.settings, Catalog(tables=(wanted,), hubs=()), shop.source, shop.client)
    with pytest.raises(PermanentError, match=message):
        world.load()


def test_a_key_that_is_unique_only_in_the_parent_is_checked(shop: World) -> None:
    shop.source.execute("create table shop.more () inherits (shop.visits)")
    shop.source.execute("insert into shop.more values (9, 1, '2013-01-02')")
    shop.load()
    assert [row["visit_id"] for row in shop.latest("shop.visits")] == [7, 8, 9]
    shop.source.execute("insert into shop.more values (8, 1, '2013-01-03')")
    with pytest.raises(PermanentError, match=r"shop\.visits: 1 rows repeat or lack the key \(visit_id\)"):
        shop.load()


@pytest.mark.parametrize("unguarded", ["create table shop.more () inherits (shop.visits)",
                                       "alter table shop.visits drop constraint visits_pkey"])  # fmt: skip
def test_a_duplicate_key_is_found_although_another_was_deleted(shop: World, unguarded: str) -> None:
    """The row count is equal and no key is new, so only reading all keys shows it."""
    shop.source.execute(unguarded.encode())
    shop.load()
    target = "more" if "inherits" in unguarded else "visits"
    shop.source.execute(f"insert into shop.{target} values (7, 2, '2013-01-03')".encode())
    shop.source.execute("delete from only shop.visits where visit_id = 8")
    with pytest.raises(PermanentError, match=r"shop\.visits: 1 rows repeat or lack the key \(visit_id\)"):
        shop.load()


def test_a_constraint_that_is_not_validated_does_not_count(shop: World) -> None:
    """Postgres 18 marks the column as not null but keeps existing nulls."""
    shop.source.execute("alter table shop.visits drop constraint visits_pkey")
    shop.source.execute("alter table shop.visits alter visit_id drop not null")
    shop.source.execute("insert into shop.visits values (null, 1, now()), (null, 2, now())")
    shop.source.execute("alter table shop.visits add constraint later not null visit_id not valid")
    shop.source.execute("create unique index on shop.visits (visit_id)")
    with pytest.raises(PermanentError, match=r"shop\.visits: 2 rows repeat or lack the key"):
        shop.load()


@pytest.fixture
def own_server() -> Iterator[Settings]:
    """Settings with a separate local source, which the test crashes.

    Not in pytest's folder, see tests/conftest.py.
    """
    with TemporaryDirectory(prefix="wwi-crash-", ignore_cleanup_errors=True) as home:
        settings = Settings(home=Path(home), _env_file=None)
        try:
            yield settings
        finally:
            local_postgres.down(settings)


def crash(settings: Settings) -> str:
    """Crash the server, start it again and return its DSN."""
    pid = local_postgres.up(settings)["pid"]
    os.kill(int(pid), signal.SIGQUIT)
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.05)
    return str(local_postgres.up(settings)["admin_dsn"])


def test_an_unlogged_table_that_a_crash_emptied_is_compared_by_key(
    own_server: Settings, own_settings: Settings, shop: World
) -> None:
    """A crash removes its rows without deleting them."""
    dsn = str(local_postgres.up(own_server)["admin_dsn"])
    with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as source:
        create(source, SHOP.tables)
        source.execute("alter table shop.visits set unlogged")
        source.execute("insert into shop.visits values (7, 1, '2013-01-01'), (8, 2, '2013-01-01')")
    world = World(own_settings.model_copy(update={"source_dsn": dsn}), SHOP, shop.source, shop.client)
    world.load()
    dsn = crash(own_server)
    world = World(own_settings.model_copy(update={"source_dsn": dsn}), SHOP, shop.source, shop.client)
    with pytest.raises(PermanentError, match=r"shop\.visits: 2 of 2 rows are gone"):
        world.load()
    with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as source:
        source.execute("insert into shop.visits values (7, 5, '2013-01-01'), (9, 2, '2013-01-01')")
    world.load()
    assert [(row["visit_id"], row["account_id"]) for row in world.latest("shop.visits")] == [(7, 5), (9, 2)]
