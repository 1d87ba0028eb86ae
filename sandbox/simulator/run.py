"""Runs the simulator against a database: seeds it if it is empty, then adds day after day."""

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
from sandbox.simulator import state as memory
from sandbox.simulator.columns import Columns
from sandbox.simulator.day import live_through
from sandbox.simulator.errors import SimulationError
from sandbox.simulator.parameters import Extensions, Parameters
from sandbox.simulator.reading import read_world
from sandbox.simulator.seeding.seed import seed_rows
from sandbox.simulator.state import State
from sandbox.simulator.world import World
from sandbox.simulator.writing import copy_rows, write_day

logger = logging.getLogger(__name__)

STATEMENT_TIMEOUT = "120s"

# counter -> table whose key it numbers; the three kinds of transaction share one
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
    """One simulated day: how often each kind of event happened, and rows per `<verb> <table>`."""

    day: date
    events: Counter[str]
    rows: Counter[str]


@dataclass
class SimulationReport:
    """What a run has added; `seconds` covers everything from connecting on."""

    first_day: date
    days: int
    seconds: float = 0.0
    events: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)

    @property
    def order_lines_per_second(self) -> float:
        """Order lines written per second of the whole run."""
        return self.events["order lines"] / self.seconds if self.seconds else 0.0


def simulate(  # noqa: PLR0913 - the parameters of a simulation, named by the caller
    dsn: str,
    *,
    start: date,
    days: int,
    scale: float = 1.0,
    seed: int = 42,
    on_day: Callable[[DayReport], None] | None = None,
    extensions: Extensions | None = None,
) -> SimulationReport:
    """Add `days` days of business from `start` on to the database at `dsn`, and report what was added.

    An empty database gets schema and seed data first (also with 0 days). A simulated one is continued: then
    `start` is the day after its last one, and seed, scale and extensions are those it was started with. The
    rows are the same whether the days come in one call or in several. Each day is one transaction, which also
    sets the database's `wwi.business_clock` to the end of the day; after it `on_day` is called.

    The login must own the database. Raises SimulationError, with what to do, for anything that does not
    continue what the database holds.
    """
    if days < 0:
        raise SimulationError(f"cannot simulate {days} days: give the number of days to add, 0 or more.")
    parameters = Parameters(seed, scale, extensions or Extensions())
    began = time.perf_counter()
    report = SimulationReport(start, days)
    with psycopg.connect(dsn, connect_timeout=10, autocommit=True) as connection:
        world = _open(connection, parameters, start)
        for day in (start + timedelta(days=number) for number in range(days)):
            done = _add_day(connection, world, day)
            report.events += done.events
            report.rows += done.rows
            if on_day:
                on_day(done)
    report.seconds = time.perf_counter() - began
    logger.info("simulated %s days from %s in %.1f s", days, start, report.seconds)
    return report


def _open(connection: psycopg.Connection, parameters: Parameters, start: date) -> World:
    """Return the business as the database holds it, after seeding an empty database."""
    catalog = load_catalog()
    connection.execute(f"set statement_timeout = '{STATEMENT_TIMEOUT}'".encode())
    # nobody waits behind a table that the simulator waits for
    connection.execute(f"set lock_timeout = '{LOCK_TIMEOUT_S}s'".encode())
    memory.lock(connection)
    with connection.transaction():
        create_schema(connection, catalog)
        state = memory.prepare_state(connection, catalog)
        if state is None:
            state = _seed(connection, catalog, parameters, start)
    memory.check(state, parameters, start)
    return read_world(connection, catalog, parameters, state.first_day, state.next_ids)


def _seed(connection: psycopg.Connection, catalog: Catalog, parameters: Parameters, start: date) -> State:
    """Write the seed data and return the state before the first day."""
    rows = seed_rows(catalog, parameters, start)
    for table in ordered_tables(catalog):
        if table.qualified in rows:
            copy_rows(connection, table, rows[table.qualified])
    next_ids = {counter: _next_id(catalog.table(name), rows) for counter, name in _COUNTERS.items()}
    state = State(memory.RULES, parameters.as_json(), start, start, next_ids)
    memory.save(connection, state)
    _set_clock(connection, start - timedelta(days=1))
    return state


def _next_id(table: Table, rows: dict[str, list[Columns]]) -> int:
    return 1 + max(
        (int(part[table.primary_key[0]].max()) for part in rows.get(table.qualified, [])), default=0
    )


def _add_day(connection: psycopg.Connection, world: World, day: date) -> DayReport:
    """Live through one day and write it, in one transaction."""
    events = live_through(world, day)
    with connection.transaction():
        rows = write_day(connection, world)
        following = day + timedelta(days=1)
        parameters = world.parameters.as_json()
        memory.save(connection, State(memory.RULES, parameters, world.first_day, following, world.next_ids))
        _set_clock(connection, day)
    world.end_day()
    return DayReport(day, events, rows)


def _set_clock(connection: psycopg.Connection, day: date) -> None:
    """Tell readers of the source, from their next session on, that its own time is the end of that day."""
    statement = sql.SQL("alter database {} set wwi.business_clock = {}").format(
        sql.Identifier(connection.info.dbname), sql.Literal(f"{day} 23:59:59")
    )
    connection.execute(statement)
