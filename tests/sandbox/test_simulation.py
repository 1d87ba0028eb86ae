"""Test the simulated period and the progress of a source."""

from datetime import date

import psycopg
import pytest

from metadata.errors import WwiError
from sandbox.simulation import Progress, Simulated, SimulationRules, number_of_days, order_lines, progress
from sandbox.simulator import simulate

MONDAY = date(2013, 1, 7)


@pytest.mark.parametrize(
    ("last", "days", "expected"),
    [(None, None, 1), (None, 5, 5), (MONDAY, None, 1), (date(2013, 1, 13), None, 7)],
)
def test_a_period_is_given_by_its_end_or_length(last: date | None, days: int | None, expected: int) -> None:
    assert number_of_days(MONDAY, last, days) == expected


def test_an_end_before_the_start_is_an_error_with_the_first_possible_day() -> None:
    with pytest.raises(WwiError, match="first day to simulate is 2013-01-07"):
        number_of_days(MONDAY, date(2013, 1, 6), None)


def test_end_and_length_together_are_an_error() -> None:
    with pytest.raises(WwiError, match="Give only one of them"):
        number_of_days(MONDAY, MONDAY, 1)


def test_two_consecutive_periods_equal_one() -> None:
    first = Simulated(MONDAY, MONDAY, 10, 0, 1.0)
    second = Simulated(date(2013, 1, 8), date(2013, 1, 9), 5, 2, 0.5)
    assert first + second == Simulated(MONDAY, date(2013, 1, 9), 15, 2, 1.5)


@pytest.mark.services
def test_an_empty_database_has_no_progress(source_dsn: str) -> None:
    with psycopg.connect(source_dsn) as connection:
        connection.execute("drop schema if exists simulator cascade")
        connection.execute("drop schema if exists sales cascade")
    assert progress(source_dsn) is None
    assert order_lines(source_dsn) == 0


@pytest.mark.services
def test_a_simulated_database_stores_its_next_day_and_rules(source_dsn: str) -> None:
    done = simulate(source_dsn, start=MONDAY, days=2, scale=0.05, seed=7)
    assert progress(source_dsn) == Progress(date(2013, 1, 9), SimulationRules(scale=0.05, seed=7))
    assert order_lines(source_dsn) == done.events["order lines"] - done.events["cancelled order lines"] > 0
