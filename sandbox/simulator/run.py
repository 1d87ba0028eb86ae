"""Run the simulator on a database: seed it if it is empty, then add day after day."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import psycopg
from psycopg import sql

from ingestion.source.errors import LOCK_TIMEOUT_S
from metadata.load import load_catalog
from metadata.spec import Catalog, Table
from sandbox.schema import create_schema, ordered_tables
from sandbox.simulator import state as state_table
from sandbox.simulator.columns import Columns
from sandbox.simulator.day import run_day
from sandbox.simulator.errors import SimulationError
from sandbox.simulator.parameters import Extensions, Parameters
from sandbox.simulator.reading import read_world
from sandbox.simulator.seeding.seed import seed_rows
from sandbox.simulator.state import State
from sandbox.simulator.world import World
from sandbox.simulator.writing import copy_rows, write_day

logger = logging.getLogger(__name__)

STATEMENT_TIMEOUT = "120s"

# counter -> table that gets its ids; the three kinds of transaction share one counter
_COUNTERS = {
    "customer": "sales.customers",
    "person": "application.people",
    "membership": "warehouse.stock_item_stock_groups",
    "order": "sales.orders",
    "order_line": "sales.order_lines",
    "invoice": "sales.invoices",
    "invoice_line": "sales.invoice_lines",
    "transaction": "sales.customer_transactions",
    "purchase_order": "purchasing.purchase_orders",
    "purchase_order_line": "purchasing.purchase_order_lines",
    "special_deal": "sales.special_deals",
    "cold_room": "warehouse.cold_room_temperatures",
    "vehicle": "warehouse.vehicle_temperatures",
}


@dataclass(frozen=True)
class DayReport:
    """One simulated day: number of events of each kind, and of rows per `<verb> <table>`."""

    day: date
    events: Counter[str]
    rows: Counter[str]


@dataclass
class SimulationReport:
    """The result of a run; `seconds` is the total time, including the connection."""

    first_day: date
    days: int
    seconds: float = 0.0
    events: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)

    @property
    def order_lines_per_second(self) -> float:
        """Order lines written per second of the whole run."""
        return self.events["order lines"] / self.seconds if self.seconds else 0.0


def simulate(  # noqa: PLR0913 - the parameters of a simulation
    dsn: str,
    *,
    start: date,
    days: int,
    scale: float = 1.0,
    seed: int = 42,
    on_day: Callable[[DayReport], None] | None = None,
    extensions: Extensions | None = None,
) -> SimulationReport:
    """Add `days` days of business from `start` on to the database at `dsn`, and return a report.

    An empty database gets schema and seed data first (also with 0 days). An existing simulation is continued:
    `start` must be its next day, and seed, scale and extensions must be the same. The rows do not depend on
    how the days are split into calls. Each day is one transaction, which also sets the database's
    `wwi.business_clock` to the end of the day; after it `on_day` is called.

    The login must own the database. Raises SimulationError for arguments that do not continue the existing
    simulation.
    """
    if days < 0:
        raise SimulationError(f"cannot simulate {days} days: give the number of days to add, 0 or more.")
    parameters = Parameters(seed, scale, extensions or Extensions())
    started = time.perf_counter()
    report = SimulationReport(start, days)
    with psycopg.connect(dsn, connect_timeout=10, autocommit=True) as connection:
        world = _open(connection, parameters, start)
        for day in (start + timedelta(days=number) for number in range(days)):
            done = _add_day(connection, world, day)
            report.events += done.events
            report.rows += done.rows
            if on_day:
                on_day(done)
    report.seconds = time.perf_counter() - started
    logger.info("simulated %s days from %s in %.1f s", days, start, report.seconds)
    return report


def _open(connection: psycopg.Connection, parameters: Parameters, start: date) -> World:
    """Return the state of the business in the database, after seeding an empty database."""
    catalog = load_catalog()
    connection.execute(f"set statement_timeout = '{STATEMENT_TIMEOUT}'".encode())
    # so that others do not queue behind a lock that the simulator waits for
    connection.execute(f"set lock_timeout = '{LOCK_TIMEOUT_S}s'".encode())
    state_table.lock(connection)
    with connection.transaction():
        create_schema(connection, catalog)
        state = state_table.prepare_state(connection, catalog)
        if state is None:
            state = _seed(connection, catalog, parameters, start)
    state_table.check(state, parameters, start)
    return read_world(connection, catalog, parameters, state.first_day, state.next_ids)


def _seed(connection: psycopg.Connection, catalog: Catalog, parameters: Parameters, start: date) -> State:
    """Write the seed data and return the state before the first day."""
    rows = seed_rows(catalog, parameters, start)
    for table in ordered_tables(catalog):
        if table.qualified in rows:
            copy_rows(connection, table, rows[table.qualified])
    next_ids = {counter: _next_id(catalog.table(name), rows) for counter, name in _COUNTERS.items()}
    state = State(state_table.RULES, parameters.as_json(), start, start, next_ids)
    state_table.save(connection, state)
    _set_clock(connection, start - timedelta(days=1))
    return state


def _next_id(table: Table, rows: dict[str, list[Columns]]) -> int:
    return 1 + max(
        (int(part[table.primary_key[0]].max()) for part in rows.get(table.qualified, [])), default=0
    )


def _add_day(connection: psycopg.Connection, world: World, day: date) -> DayReport:
    """Run one day and write it in one transaction."""
    events = run_day(world, day)
    with connection.transaction():
        rows = write_day(connection, world)
        following = day + timedelta(days=1)
        parameters = world.parameters.as_json()
        state_table.save(
            connection, State(state_table.RULES, parameters, world.first_day, following, world.next_ids)
        )
        _set_clock(connection, day)
    world.end_day()
    return DayReport(day, events, rows)


def _set_clock(connection: psycopg.Connection, day: date) -> None:
    """Set the business clock of the source to the end of that day; valid from the next session on."""
    statement = sql.SQL("alter database {} set wwi.business_clock = {}").format(
        sql.Identifier(connection.info.dbname), sql.Literal(f"{day} 23:59:59")
    )
    connection.execute(statement)
