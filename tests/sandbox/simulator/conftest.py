"""Fixtures: a simulated database of one spring, and empty databases."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import psycopg
import pytest

from config.settings import Settings
from sandbox import postgres
from sandbox.simulator import DayReport, Extensions, SimulationReport, simulate

_numbers = itertools.count(1)

NewDatabase = Callable[[], str]

# rare events are made frequent, so that a short, small simulation has each of them
BUSY = Extensions(
    credit_note_share=0.05,
    late_order_share=0.1,
    new_customers_per_day=0.4,
    price_changes_per_day=0.5,
    deals_per_day=0.3,
    address_changes_per_day=2,
    credit_changes_per_day=2,
    category_changes_per_day=2,
    order_corrections_per_day=2,
    invoice_corrections_per_day=2,
    payment_corrections_per_day=2,
)


@dataclass(frozen=True)
class Spring:
    """A simulated database, the report of its simulation, and the opening stock by item."""

    dsn: str
    report: SimulationReport
    days: list[DayReport]
    opening_stock: dict[int, int]


@pytest.fixture(scope="session")
def new_database(services: Settings) -> Iterator[NewDatabase]:
    """Return a function that creates an empty database; all are dropped at the end."""
    server = postgres.up(services)["admin_dsn"].rsplit("/", 1)[0]
    names: list[str] = []

    def make() -> str:
        names.append(f"simulated_{next(_numbers)}")
        _execute(server, f"create database {names[-1]}")
        return f"{server}/{names[-1]}"

    yield make
    for name in names:
        _execute(server, f"drop database {name} with (force)")


@pytest.fixture(scope="session")
def spring(new_database: NewDatabase) -> Spring:
    """Simulate 90 days from 2016-04-10 at a quarter of the volume.

    They include a stocktake, the end of the original data, and the changes of July 1. All renames and chilled
    items of earlier years happen on the first day.
    """
    dsn, days = new_database(), []
    start = date(2016, 4, 10)
    simulate(dsn, start=start, days=0, scale=0.25, extensions=BUSY)
    with psycopg.connect(dsn, connect_timeout=10) as connection:
        holdings = "select stock_item_id, quantity_on_hand from warehouse.stock_item_holdings"
        stock = dict(connection.execute(holdings).fetchall())
    report = simulate(dsn, start=start, days=90, scale=0.25, extensions=BUSY, on_day=days.append)
    return Spring(dsn, report, days, stock)


def _execute(server: str, statement: str) -> None:
    with psycopg.connect(f"{server}/postgres", autocommit=True, connect_timeout=10) as admin:
        admin.execute(statement.encode())
