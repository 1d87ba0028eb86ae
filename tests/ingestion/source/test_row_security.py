"""Rows that row security hides from the login are not loaded as deleted."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from config.errors import PermanentError
from ingestion.extract import batch_reader
from ingestion.source import postgres, session
from ingestion.source.postgres import reader_grants
from tests.shop import World

pytestmark = pytest.mark.services

ROLE = "row_reader"


@pytest.fixture
def loaded(shop: World) -> Iterator[World]:
    """The shop after one batch, read by a login that owns no table."""
    shop.source.execute(f"create role {ROLE} login password 'pass'".encode())
    shop.source.execute(f"grant usage on schema shop to {ROLE}".encode())
    for statement in reader_grants(shop.catalog, ROLE):
        shop.source.execute(statement.encode())
    parts = psycopg.conninfo.conninfo_to_dict(str(shop.settings.source_dsn))
    dsn = psycopg.conninfo.make_conninfo(**parts | {"user": ROLE, "password": "pass"})
    settings = shop.settings.model_copy(update={"source_dsn": dsn})
    world = World(settings, shop.catalog, shop.source, shop.client)
    try:
        world.load()
        yield world
    finally:
        shop.source.execute(f"drop owned by {ROLE} cascade; drop role {ROLE}".encode())


def hide(world: World) -> None:
    world.source.execute("alter table shop.visits enable row level security")
    world.source.execute("create policy half on shop.visits using (visit_id > 7)")


def test_hidden_rows_stop_the_load_with_table_policy_and_fix(loaded: World) -> None:
    hide(loaded)
    loaded.source.execute("alter table shop.accounts enable row level security")
    with pytest.raises(PermanentError) as error:
        loaded.load()
    message = str(error.value)
    assert "shop.visits: policies half" in message
    assert "shop.accounts: policies none, so no row is visible" in message
    assert f"`alter role {ROLE} bypassrls;`" in message
    assert "`wwi ingest --compare-keys`" in message
    assert loaded.statuses() == ["completed"]
    loaded.source.execute(message.split("`")[1].encode())
    assert loaded.load().rows_loaded == 0
    assert len(loaded.latest("shop.visits")) == 2


def test_an_owner_is_subject_to_policies_that_are_forced_on_it(loaded: World) -> None:
    loaded.source.execute(f"alter table shop.visits owner to {ROLE}".encode())
    hide(loaded)
    assert loaded.load().rows_loaded == 0
    loaded.source.execute("alter table shop.visits force row level security")
    with pytest.raises(PermanentError, match="policies half") as error:
        loaded.load()
    loaded.source.execute(str(error.value).split("`")[1].encode())
    assert loaded.load().rows_loaded == 0


def test_policies_that_do_not_apply_to_the_login_stop_nothing(loaded: World) -> None:
    hide(loaded)
    loaded.source.execute(f"alter role {ROLE} bypassrls".encode())
    assert loaded.load(full=True).tables[1].rows_upserted == 2


def test_row_security_behind_a_view_is_reported_by_the_source(loaded: World) -> None:
    """A view runs with the rights of its owner, so only Postgres can detect this."""
    hide(loaded)
    with closing(postgres.connect(loaded.settings)) as reader:
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as error:
            reader.execute("select visit_id from shop.visits")
        reader.rollback()
    assert error.value.diag.source_function == "check_enable_rls"
    translated = session.translated("reading shop.visits")
    with pytest.raises(PermanentError, match=r"A hidden row looks like a deleted one.*bypassrls"), translated:
        raise error.value


@pytest.mark.parametrize("advice", [{}, {"full": True}, {"compare_keys": True}])
def test_deletes_caused_by_row_security_are_repaired(
    loaded: World, monkeypatch: pytest.MonkeyPatch, advice: dict[str, bool]
) -> None:
    """Earlier versions loaded hidden rows as deletes. Their transactions ended, so no window has them."""
    with monkeypatch.context() as earlier:
        earlier.setitem(session.VALUES, "row_security", ("on", 12))
        earlier.setitem(session.CHECKED_SETTINGS, "row_security", "on")
        earlier.setattr(batch_reader, "check_row_security", lambda *_: None)
        hide(loaded)
        assert loaded.load().tables[1].rows_deleted == 1
    assert [row["visit_id"] for row in loaded.latest("shop.visits")] == [8]
    loaded.source.execute(f"alter role {ROLE} bypassrls".encode())
    report = loaded.load(**advice)
    assert [row["visit_id"] for row in loaded.latest("shop.visits")] == [7, 8]
    assert report.tables[1].mode == "full"
    assert loaded.load().rows_loaded == 0


def test_comparing_keys_repairs_differences_that_row_counts_do_not_show(
    loaded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setitem(session.VALUES, "row_security", ("on", 12))
        earlier.setitem(session.CHECKED_SETTINGS, "row_security", "on")
        earlier.setattr(batch_reader, "check_row_security", lambda *_: None)
        hide(loaded)
        loaded.load()
    loaded.source.execute(f"alter role {ROLE} bypassrls".encode())
    loaded.source.execute("delete from shop.visits where visit_id = 8")
    loaded.load(compare_keys=True, allow_shrink=True)
    assert [row["visit_id"] for row in loaded.latest("shop.visits")] == [7]
