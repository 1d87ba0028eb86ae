"""Test that time zone and locale of the machine change no value."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from config.settings import Settings
from metadata.spec import Catalog
from sandbox import postgres, warehouse
from tests.shop import World, create, table
from warehouse.client import connect

VISITS = Catalog(
    tables=(
        table(
            "visits", {"visit_id": "bigint", "seen_at": "timestamptz", "local_at": "timestamp", "day": "date"}
        ),
    ),
    hubs=(),
)
LATE = datetime(2020, 1, 1, 23, 30, tzinfo=UTC)  # already the next day in Auckland
ZONE, NO_ZONE, MISSING_LOCALE = "Pacific/Auckland", "Nowhere/Bad", "de_DE.missing"


@pytest.fixture(params=[ZONE, NO_ZONE])
def time_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    monkeypatch.setenv("LC_ALL", MISSING_LOCALE)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.services
@pytest.mark.local("it starts services of its own")
@pytest.mark.usefixtures("time_zone")
def test_times_are_utc_in_every_time_zone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", _env_file=None)
    try:
        admin_dsn = postgres.up(settings)["admin_dsn"]
        warehouse.up(settings)
        with psycopg.connect(admin_dsn, autocommit=True) as source:
            create(source, VISITS.tables)
            source.execute(
                "insert into shop.visits values (1, '2020-01-01 23:30+00', '2020-01-01 23:30', '2020-01-01')"
            )
            own = settings.model_copy(update={"source_dsn": admin_dsn})
            world = World(own, VISITS, source, connect(own))
            world.load()
        (visit,) = world.latest("shop.visits")
        assert visit == {
            "visit_id": 1,
            "seen_at": LATE,
            "local_at": LATE.replace(tzinfo=None),
            "day": date(2020, 1, 1),
        }
        (batch,) = world.ask("select applied_dts, load_dts from {audit}.batches")
        for moment in (batch["applied_dts"].replace(tzinfo=UTC), batch["load_dts"]):
            assert abs(moment - datetime.now(UTC)) < timedelta(hours=1)
        (answer,) = world.ask(
            "select cast(seen_at as string) as seen, date(seen_at) as day from {raw}.shop__visits"
        )
        assert answer == {"seen": "2020-01-01 23:30:00+00", "day": date(2020, 1, 1)}
    finally:
        warehouse.down(settings)
        postgres.down(settings)
