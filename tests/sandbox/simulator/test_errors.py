"""Test that impossible simulations are refused with a fix and do not change the database."""

from datetime import date, timedelta

import psycopg
import pytest

from metadata.errors import WwiError
from metadata.spec import Catalog
from sandbox.schema import create_schema
from sandbox.simulator import Extensions, simulate

from .conftest import BUSY, NewDatabase, Spring

pytestmark = pytest.mark.services

START = date(2013, 1, 1)


def test_negative_days_are_refused(new_database: NewDatabase) -> None:
    with pytest.raises(WwiError, match="cannot simulate -1 days"):
        simulate(new_database(), start=START, days=-1)


@pytest.mark.parametrize(("seed", "scale"), [(-1, 1.0), (1, 0.0), (1, -2.0), (1, float("nan")), (1, 1000.0)])
def test_impossible_parameters_are_refused(new_database: NewDatabase, seed: int, scale: float) -> None:
    with pytest.raises(WwiError, match="Choose another one"):
        simulate(new_database(), start=START, days=1, seed=seed, scale=scale)


@pytest.mark.parametrize("away", [-90, -1, 1, 400])
def test_a_start_date_with_a_gap_is_refused(spring: Spring, away: int) -> None:
    following = date(2016, 7, 9)
    with pytest.raises(WwiError, match=f"Continue from {following}"):
        simulate(spring.dsn, start=following + timedelta(days=away), days=1, scale=0.25, extensions=BUSY)


def test_other_parameters_are_refused(new_database: NewDatabase) -> None:
    dsn = new_database()
    simulate(dsn, start=START, days=1, scale=0.1, seed=7)
    following = START + timedelta(days=1)
    with pytest.raises(WwiError, match=r"simulated with seed 7, scale 0\.1\."):
        simulate(dsn, start=following, days=1)
    with pytest.raises(WwiError, match=r"simulated with comment_share 0\.03\."):
        simulate(dsn, start=following, days=1, scale=0.1, seed=7, extensions=Extensions(comment_share=0))


def test_a_database_with_other_tables_is_not_changed(new_database: NewDatabase, catalog: Catalog) -> None:
    dsn = new_database()
    with psycopg.connect(dsn, connect_timeout=10) as connection:
        create_schema(connection, catalog)
        connection.execute("insert into warehouse.colors (color_id, color_name) values (1, 'Mine')")
    with pytest.raises(WwiError, match=r"warehouse\.colors contains rows that the simulator did not write"):
        simulate(dsn, start=START, days=1)
    with psycopg.connect(dsn, connect_timeout=10) as connection:
        assert connection.execute("select count(*) from application.people").fetchone() == (0,)
        assert connection.execute("select to_regnamespace('simulator')").fetchone() == (None,)


def test_two_simulations_at_once_are_refused(new_database: NewDatabase) -> None:
    dsn = new_database()

    def start_another(_: object) -> None:
        simulate(dsn, start=START, days=1, scale=0.1)

    with pytest.raises(WwiError, match="another simulation is running"):
        simulate(dsn, start=START, days=1, scale=0.1, on_day=start_another)


def test_a_failed_day_leaves_no_rows(new_database: NewDatabase) -> None:
    """A day is one transaction; after a crash the simulation continues after the last complete day."""
    dsn = new_database()

    def crash(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(dsn, start=START, days=5, scale=0.1, on_day=crash)
    report = simulate(dsn, start=START + timedelta(days=1), days=2, scale=0.1)
    assert report.events["orders"] > 0
