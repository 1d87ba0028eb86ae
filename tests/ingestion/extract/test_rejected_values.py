"""A value that BigQuery cannot hold does not stop a load: it is stored with its key and counted."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from audit.reconciliation.comparison import Comparison
from audit.reconciliation.layers import raw_totals
from audit.reconciliation.layers import statement as totals_statement
from audit.reconciliation.reconcile import compare, latest_daily_totals, source_totals
from audit.rejected_values import RejectedValues, current_rejected_values
from audit.status import status
from cli.pages import batch_pages, results
from config.errors import PermanentError
from config.settings import Settings
from ingestion.report import Progress
from metadata.spec import Catalog
from tests.shop import World, create, table
from warehouse.client import connect
from warehouse.ledger.tables import layout

pytestmark = pytest.mark.services

RATES = table(
    "rates",
    {"name": "text", "day": "date", "rate": "numeric(9,4)", "amount": "numeric", "until": "timestamp"},
    primary_key=("name", "day"),
    rate={"measure": True, "nullable": True},
    amount={"measure": True, "nullable": True},
    until={"nullable": True, "sensitivity": "personal"},
    controls={"product": "round(rate * amount, 2)"},
).model_copy(update={"control_day": "until"})
OTHER = table("other", {"id": "integer"})
CATALOG = Catalog(tables=(RATES, OTHER), hubs=())
DAY = date(2013, 1, 1)


class Killed(BaseException):
    """Simulates the end of the process."""


@pytest.fixture
def rates(own_settings: Settings, database: str) -> Iterator[World]:
    """Three rates, two of them with values that BigQuery cannot hold. Nothing is loaded yet."""
    with psycopg.connect(database, autocommit=True, connect_timeout=10) as source:
        create(source, CATALOG.tables)
        source.execute("insert into shop.other values (1)")
        source.execute(
            "insert into shop.rates values "
            "('EUR', '2013-01-01', 1.5, 10, '2013-01-07'), "
            "('\"ü', '2013-01-01', 'NaN', 1e29, 'infinity'), "
            "('USD', '2013-01-01', 2, 'Infinity', '2013-01-07')"
        )
        yield World(own_settings, CATALOG, source, connect(own_settings))


def stored(world: World) -> list[tuple[Any, ...]]:
    rows = world.ask(
        "select batch_id, table_name, key, column_name, value, reason from {audit}.rejected_values "
        "order by batch_id, key, column_name"
    )
    return [tuple(row.values()) for row in rows]


def current(world: World) -> list[tuple[str, int, int]]:
    found = current_rejected_values(world.client, world.settings, world.catalog)
    return [(each.column, each.values, each.since_batch) for each in found]


def kill_at(stage: str) -> Any:
    def kill(progress: Progress) -> None:
        if progress.stage == stage:
            raise Killed

    return kill


def test_a_row_is_loaded_without_the_rejected_value_which_is_stored_with_its_key(rates: World) -> None:
    report = rates.load()
    found = {row["name"]: (row["rate"], row["amount"], row["until"]) for row in rates.raw("shop.rates")}
    assert found == {
        "EUR": (Decimal("1.5"), 10, datetime(2013, 1, 7)),
        '"ü': (None, None, None),
        "USD": (2, None, datetime(2013, 1, 7)),
    }
    odd = '{"name": "\\"ü", "day": "2013-01-01"}'
    numeric = "NUMERIC holds no NaN, no infinity, 29 digits before the point and 9 after it"
    assert stored(rates) == [
        (1, "shop.rates", '{"name": "USD", "day": "2013-01-01"}', "amount", "Infinity", numeric),
        (1, "shop.rates", odd, "amount", "1" + "0" * 29, numeric),
        (1, "shop.rates", odd, "rate", "NaN", "NUMERIC holds no NaN"),
        (1, "shop.rates", odd, "until", "infinity", "DATETIME holds 0001-01-01 to the end of 9999-12-31"),
    ]
    assert report.rejected == 4
    counted = rates.ask("select table_name, rejected from {audit}.table_loads order by 1")
    assert [tuple(row.values()) for row in counted] == [("shop.other", 0), ("shop.rates", 4)]


def test_the_status_shows_current_rejected_values_and_counts_by_batch(
    rates: World, capsys: pytest.CaptureFixture[str]
) -> None:
    batch_pages.show_batch(rates.load())
    assert "4 rejected values: BigQuery cannot hold them" in capsys.readouterr().out
    rates.load()
    found = status(rates.settings, rates.catalog)
    assert [(each.batch_id, each.rejected) for each in found.batches] == [(2, 0), (1, 4)]
    assert RejectedValues("shop.rates", "rate", "NUMERIC holds no NaN", 1, 1) in found.rejected
    assert [each.values for each in found.rejected] == [2, 1, 1]
    results.show_status(found)
    assert "see rejected_values" in capsys.readouterr().out


def test_a_corrected_value_is_no_longer_current_but_stays_in_the_history(rates: World) -> None:
    rates.load()
    rates.source.execute("update shop.rates set amount = 7 where name = 'USD'")
    rates.load()
    assert [row["amount"] for row in rates.latest("shop.rates") if row["name"] == "USD"] == [7]
    assert current(rates) == [("amount", 1, 1), ("rate", 1, 1), ("until", 1, 1)]
    rates.source.execute("update shop.rates set amount = 8 where name like '%ü'")
    rates.load()
    assert current(rates) == [("rate", 1, 3), ("until", 1, 3)]
    rates.source.execute("delete from shop.rates where name like '%ü'")
    rates.load(allow_shrink=True)
    assert current(rates) == []
    assert [row[0] for row in stored(rates)] == [1, 1, 1, 1, 3, 3]


def compared(world: World) -> list[Comparison]:
    """Compare raw with the source, in total and by day."""
    source = source_totals(world.client, world.settings)
    taken = latest_daily_totals(world.client, world.settings, world.catalog, source)
    selects = [raw_totals(world.catalog, each, world.settings) for each in world.catalog.tables]
    return compare("raw", selects, source, taken, world.ask(totals_statement(selects, taken, world.settings)))


def test_totals_exclude_rejected_values_on_both_sides(rates: World) -> None:
    rates.load()
    found = {(each.table, each.control): each for each in compared(rates)}
    assert all(each.is_equal for each in found.values())
    totals = {name: each.source for (of, name), each in found.items() if of == "shop.rates"}
    assert totals == {"rows": 3, "rate": Decimal("3.5"), "amount": 10, "product": 15}
    assert found["shop.rates", "rate"].days == 2, "the 7th, and rows without a day"
    rates.source.execute("update shop.rates set rate = 1 where name like '%ü'")
    rates.load()
    assert all(each.is_equal for each in compared(rates))


def test_a_key_value_cannot_be_rejected(rates: World) -> None:
    rates.load()
    rates.source.execute("insert into shop.rates values ('GBP', 'infinity', 1, 1, null)")
    with pytest.raises(
        PermanentError, match=r"shop\.rates\.day: 1 values of the key.*'infinity'.*primary_key"
    ):
        rates.load()
    assert rates.statuses() == ["completed", "void"]
    assert len(rates.raw("shop.rates")) == 3


def test_more_rejected_values_than_the_limit_stop_the_batch_before_it_loads(rates: World) -> None:
    few = rates.settings.model_copy(update={"rejected_limit": 3})
    with pytest.raises(PermanentError) as error:
        World(few, rates.catalog, rates.source, rates.client).load()
    assert "shop.rates: values do not fit BigQuery in amount (2: NUMERIC holds no NaN" in str(error.value)
    assert "WWI_REJECTED_LIMIT allows 3" in str(error.value)
    assert rates.statuses() == ["void"]
    assert rates.raw("shop.other") == rates.raw("shop.rates") == stored(rates) == []
    enough = rates.settings.model_copy(update={"rejected_limit": 4})
    assert World(enough, rates.catalog, rates.source, rates.client).load().rejected == 4


@pytest.mark.parametrize(("stage", "batch"), [("extracted", 2), ("loading", 1), ("loaded", 1)])
def test_a_killed_run_stores_each_rejected_value_once(rates: World, stage: str, batch: int) -> None:
    with pytest.raises(Killed):
        rates.load(on_progress=kill_at(stage))
    assert current(rates) == [], "no batch is completed"
    rates.load()
    assert current(rates) == [("amount", 2, batch), ("rate", 1, batch), ("until", 1, batch)]
    assert [row[0] for row in stored(rates)] == [batch] * 4


def test_a_damaged_file_of_rejected_values_is_not_loaded(rates: World) -> None:
    with pytest.raises(Killed):
        rates.load(on_progress=kill_at("loading"))
    next(rates.settings.home.rglob("rejected_values.parquet")).write_bytes(b"PAR1")
    assert rates.load().voided == (1,)
    assert {batch for _, _, batch in current(rates)} == {2}


def test_rejected_personal_values_are_never_shown_and_have_a_policy_tag(rates: World) -> None:
    people = table("people", {"born": "date"}, born={"sensitivity": "personal"})
    create(rates.source, (people,))
    rates.source.execute("insert into shop.people values ('infinity')")
    with pytest.raises(PermanentError, match="not shown") as error:
        World(rates.settings, Catalog(tables=(people,), hubs=()), rates.source, rates.client).load()
    assert "infinity" not in str(error.value)
    tag = "projects/p/locations/eu/taxonomies/1/policyTags/2"
    tagged = rates.settings.model_copy(update={"personal_policy_tag": tag})
    fields = layout(tagged, "rejected_values").schema
    assert {field.name for field in fields if field.policy_tags} == {"key", "value"}


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("bytea", r"'\x00ff'"),
        ("timestamptz", "'2013-01-01 07:00:00.000001+02'"),
        ("numeric(9,4)", "1.50"),
        ("numeric", "12345678901234567890123456789.123456789"),
        ("boolean", "true"),
        ("time", "'07:00:00.1'"),
        ("uuid", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"),
        ("text", "E'a\"\\\\\\n''😀'"),
    ],
)
def test_a_key_of_any_type_is_found_again(own_settings: Settings, database: str, kind: str, key: str) -> None:
    keyed = table("keyed", {"id": kind, "day": "date"})
    with psycopg.connect(database, autocommit=True, connect_timeout=10) as source:
        create(source, (keyed,))
        source.execute(f"insert into shop.keyed values ({key}, 'infinity')".encode())
        world = World(own_settings, Catalog(tables=(keyed,), hubs=()), source, connect(own_settings))
        world.load()
        assert current(world) == [("day", 1, 1)]
        source.execute("update shop.keyed set day = '2013-01-01'")
        world.load()
        assert current(world) == []


def test_text_that_is_not_utf8_is_refused(own_settings: Settings, database: str) -> None:
    """Postgres refuses to send it. Only databases with encoding SQL_ASCII can contain it."""
    server = database.rsplit("/", 1)[0]
    with psycopg.connect(database, autocommit=True, connect_timeout=10) as admin:
        admin.execute("create database ascii_only template template0 encoding 'SQL_ASCII' locale 'C'")
        try:
            own = own_settings.model_copy(update={"source_dsn": f"{server}/ascii_only"})
            with psycopg.connect(f"{server}/ascii_only", autocommit=True, connect_timeout=10) as source:
                words = table("words", {"id": "integer", "word": "text"})
                create(source, (words,))
                source.execute(rb"insert into shop.words values (1, E'caf\xe9')")
                world = World(own, Catalog(tables=(words,), hubs=()), source, connect(own))
                with pytest.raises(
                    PermanentError, match=r"shop\.words: a text cannot .* Correct it in the source"
                ):
                    world.load()
        finally:
            admin.execute("drop database ascii_only with (force)")
