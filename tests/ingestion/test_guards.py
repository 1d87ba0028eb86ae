"""Problems of the source stop a batch before anything is written, with the place and the fix."""

from typing import Any

import psycopg
import pytest

from config.errors import PermanentError, TransientError
from ingestion.source.postgres import reader_grants
from metadata.spec import Catalog
from tests.shop import SHOP, World, table

pytestmark = pytest.mark.services


def refused(shop: World, match: str, **options: Any) -> str:
    """Check that the load fails and that nothing was written. Return the message."""
    before = len(shop.statuses())
    with pytest.raises(PermanentError, match=match) as error:
        shop.load(**options)
    assert len(shop.statuses()) == before, "a refused batch is not recorded"
    return str(error.value)


@pytest.fixture
def loaded(shop: World) -> World:
    shop.load()
    return shop


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("drop table shop.visits", r"shop\.visits: no such table in the source"),
        ("alter table shop.visits drop at", r"shop\.visits\.at: no such column in the source"),
        ("alter table shop.visits rename at to att", r"shop\.visits\.at: no such column.*Did you mean 'att'"),
        (
            "alter table shop.visits alter at type date",
            r"shop\.visits\.at: its type is date now, timestamp in",
        ),
        (
            "alter table shop.accounts alter balance type numeric(18,4)",
            r"shop\.accounts\.balance: its type is numeric\(18,4\) now, numeric\(18,2\)",
        ),
    ],
)
def test_drift_stops_the_load(loaded: World, change: str, message: str) -> None:
    loaded.source.execute(change.encode())
    refused(loaded, message)


def test_all_drift_is_reported_at_once(loaded: World) -> None:
    loaded.source.execute("alter table shop.visits drop at")
    loaded.source.execute("alter table shop.accounts drop owner")
    message = refused(loaded, "nothing was loaded")
    assert "shop.visits.at" in message
    assert "shop.accounts.owner" in message


def test_a_wider_text_is_not_drift(loaded: World) -> None:
    loaded.source.execute("alter table shop.accounts alter owner type text")
    assert loaded.load().rows_loaded == 0


def test_a_changed_key_stops_the_load(loaded: World) -> None:
    loaded.source.execute("alter table shop.visits drop constraint visits_pkey")
    loaded.source.execute("alter table shop.visits add primary key (visit_id, account_id)")
    refused(loaded, r"shop\.visits: its primary key is \(account_id, visit_id\) now, \(visit_id\) in")


def test_a_missing_optional_table_is_not_drift(loaded: World) -> None:
    sensor = table("sensors", {"sensor_id": "integer"}, optional=True)
    world = World(
        loaded.settings, Catalog(tables=(*SHOP.tables, sensor), hubs=()), loaded.source, loaded.client
    )
    assert world.load().absent == ("shop.sensors",)


def test_an_optional_table_that_was_loaded_must_not_disappear(loaded: World) -> None:
    sensor = table("sensors", {"sensor_id": "integer"}, optional=True)
    catalog = Catalog(tables=(*SHOP.tables, sensor), hubs=())
    world = World(loaded.settings, catalog, loaded.source, loaded.client)
    loaded.source.execute("create table shop.sensors as select 1 as sensor_id")
    world.load()
    loaded.source.execute("drop table shop.sensors")
    refused(world, r"the source has lost shop\.sensors")
    assert world.load(allow_shrink=True).absent == ("shop.sensors",)


def test_an_emptied_table_stops_the_load_unless_allowed(loaded: World) -> None:
    loaded.source.execute("delete from shop.visits")
    message = refused(loaded, r"shop\.visits: 2 of 2 rows are gone")
    assert "--allow-shrink" in message
    assert loaded.load(allow_shrink=True).tables[1].rows_deleted == 2
    assert loaded.latest("shop.visits") == []


def test_many_lost_rows_stop_the_load_few_do_not(shop: World) -> None:
    shop.source.execute("insert into shop.visits select i, 1, now() from generate_series(101, 198) i")
    shop.load()
    shop.source.execute("delete from shop.visits where visit_id between 101 and 130")
    assert shop.load().tables[1].rows_deleted == 30, "30 of 100 is not more than 30 %"
    shop.source.execute("insert into shop.visits select i, 1, now() from generate_series(101, 130) i")
    shop.load()
    shop.source.execute("delete from shop.visits where visit_id between 101 and 131")
    refused(shop, r"shop\.visits: 31 of 100 rows are gone")


def test_lost_rows_are_found_although_as_many_are_new(loaded: World) -> None:
    """The row count is the same, but all keys differ, which only reading the keys shows."""
    loaded.source.execute("update shop.visits set visit_id = visit_id + 100")
    with pytest.raises(PermanentError, match=r"shop\.visits: 2 of 2 rows are gone"):
        loaded.load()
    assert loaded.statuses() == ["completed", "void"]
    assert len(loaded.raw("shop.visits")) == 2
    assert loaded.load(allow_shrink=True).tables[1].rows_deleted == 2


def test_a_key_without_a_unique_index_must_be_unique(loaded: World) -> None:
    loaded.source.execute("alter table shop.visits drop constraint visits_pkey")
    loaded.source.execute("insert into shop.visits values (8, 3, now())")
    with pytest.raises(PermanentError, match=r"shop\.visits: 1 rows repeat or lack the key \(visit_id\)"):
        loaded.load()
    loaded.source.execute("alter table shop.visits alter visit_id drop not null")
    loaded.source.execute("update shop.visits set visit_id = null where account_id = 3")
    with pytest.raises(PermanentError, match=r"shop\.visits: 1 rows repeat or lack the key"):
        loaded.load()
    loaded.source.execute("update shop.visits set visit_id = 9 where account_id = 3")
    assert loaded.load().tables[1].rows_upserted == 1


def test_unknown_tables_are_reported_with_the_closest_name(loaded: World) -> None:
    refused(loaded, r"no table named 'shop\.visit'\. Did you mean 'shop\.visits'\?", tables=["shop.visit"])
    refused(loaded, "no table chosen", tables=[])


def dsn(world: World, **parts: str) -> World:
    """Return the world with another login, password, host or port in its DSN."""
    info = psycopg.conninfo.conninfo_to_dict(str(world.settings.source_dsn)) | parts
    settings = world.settings.model_copy(update={"source_dsn": psycopg.conninfo.make_conninfo(**info)})
    return World(settings, world.catalog, world.source, world.client)


def test_a_wrong_password_is_not_shown(loaded: World) -> None:
    message = refused(dsn(loaded, password="hunter2!"), "password authentication failed")
    assert "hunter2" not in message
    assert "Check WWI_SOURCE_DSN" in message


def test_an_invalid_dsn_is_not_shown(loaded: World) -> None:
    broken = loaded.settings.model_copy(update={"source_dsn": "postgresql://me:hunter2@[::1/db"})
    message = refused(World(broken, loaded.catalog, loaded.source, loaded.client), "cannot be read")
    assert "hunter2" not in message


def test_a_source_that_is_down_is_a_transient_error(loaded: World) -> None:
    with pytest.raises(TransientError, match="refused"):
        dsn(loaded, port="1").load()


def test_a_warehouse_that_is_down_is_a_transient_error(loaded: World) -> None:
    nowhere = "http://127.0.0.1:1"
    settings = loaded.settings.model_copy(update={"warehouse_url": nowhere, "bigquery_endpoint": nowhere})
    with pytest.raises(TransientError, match="the warehouse cannot be reached"):
        World(settings, loaded.catalog, loaded.source, loaded.client).load()


def test_the_reading_login_needs_exactly_its_grants(loaded: World) -> None:
    """Grants are by column and include xmin. The error lists each missing one with its statement."""
    loaded.source.execute("grant usage on schema shop to wwi_reader")
    reader = dsn(loaded, user="wwi_reader")
    message = refused(reader, r"shop\.accounts: the login may not read account_id, owner, balance, xmin")
    assert "grant select (account_id, owner, balance, xmin) on shop.accounts to" in message
    for grant in reader_grants(loaded.catalog):
        loaded.source.execute(grant.encode())
    loaded.source.execute("update shop.accounts set balance = 8 where account_id = 1")
    assert reader.load().tables[0].rows_upserted == 1
    login = psycopg.connect(str(reader.settings.source_dsn), connect_timeout=10)
    with login, pytest.raises(psycopg.errors.InsufficientPrivilege):
        login.execute("select pin from shop.accounts")


def test_a_dropped_raw_table_is_reported_and_recreated_by_a_full_load(loaded: World) -> None:
    loaded.ask("drop table {raw}.shop__visits")
    loaded.source.execute("update shop.visits set account_id = 3 where visit_id = 7")
    with pytest.raises(PermanentError, match=r"wwi ingest --full"):
        loaded.load()
    loaded.load(full=True)
    assert len(loaded.latest("shop.visits")) == 2


def test_user_defined_types_are_resolved_to_their_base_types(loaded: World) -> None:
    """A domain over the same type, and an enum instead of text, map to the same raw column."""
    loaded.source.execute("create domain shop.money_of as numeric(18,2)")
    loaded.source.execute("create type shop.name_of as enum ('Ann', '')")
    loaded.source.execute("alter table shop.accounts alter balance type shop.money_of")
    loaded.source.execute("alter table shop.accounts alter owner type shop.name_of using owner::shop.name_of")
    loaded.load()
    assert [row["owner"] for row in loaded.latest("shop.accounts")] == ["Ann", None, ""]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("create domain shop.d as numeric(18,3); alter table shop.accounts alter balance type shop.d",
         r"balance: its type is numeric\(18,3\) now, numeric\(18,2\)"),
        ("alter table shop.accounts alter owner type text[] using array[owner]",
         r"owner: its type is text\[\] now, varchar\(50\)"),
        ("alter table shop.accounts alter owner type xid8 using null",
         r"owner: its type is xid8 now, varchar\(50\)"),
    ],
)  # fmt: skip
def test_another_target_type_is_drift(loaded: World, change: str, message: str) -> None:
    loaded.source.execute(change.encode())
    with pytest.raises(PermanentError, match=message):
        loaded.load()
    assert loaded.statuses() == ["completed"]
