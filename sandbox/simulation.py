"""Simulate days of business in the local source: start, number of days, and result."""

import logging
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, timedelta

import psycopg

from config.loopback import without_libpq_variables
from config.settings import Settings
from metadata.errors import WwiError
from metadata.load import load_catalog
from sandbox import postgres
from sandbox.reader import grant_reader
from sandbox.simulator import MASTER_DATA_EVENTS, DayReport
from sandbox.simulator import simulate as simulate_days

logger = logging.getLogger(__name__)

OPENING_DAY = date(2013, 1, 1)
# events that change a type 2 dimension
DIMENSION_EVENTS = MASTER_DATA_EVENTS - {
    "credit limit changes",
    "logon activations",
    "password changes",
    "special deals",
}
MAX_DAYS = 7


@dataclass(frozen=True)
class SimulationRules:
    """The parameters of a simulation. `scale` multiplies orders and customers; 1 is the original size."""

    scale: float = 1.0
    seed: int = 42


@dataclass(frozen=True)
class Progress:
    """The next day of a simulation, and its parameters."""

    next_day: date
    rules: SimulationRules


@dataclass(frozen=True)
class Simulated:
    """The result of a simulation. `master_changes`: events that change a dimension."""

    first_day: date
    last_day: date
    order_lines: int
    master_changes: int
    seconds: float

    def __add__(self, later: "Simulated") -> "Simulated":
        return Simulated(
            self.first_day,
            later.last_day,
            self.order_lines + later.order_lines,
            self.master_changes + later.master_changes,
            self.seconds + later.seconds,
        )


def simulate(  # noqa: PLR0913 - options of the command
    settings: Settings,
    *,
    first: date | None = None,
    last: date | None = None,
    days: int | None = None,
    scale: float | None = None,
    seed: int | None = None,
) -> Simulated:
    """Simulate the days from `first` (default: the next day) to `last`, or `days` of them (default: one).

    `scale` and `seed` default to those of the existing simulation. Without WWI_SOURCE_ADMIN_DSN the local
    source is used, and started if it is down. Grants the reader login access to new tables. Raises WwiError
    for a period or parameters that do not continue the existing simulation.
    """
    # libpq's variables apply to a given source, not to the local one
    environment = without_libpq_variables() if settings.source_admin_dsn is None else nullcontext()
    with environment:
        dsn = settings.source_admin_dsn or postgres.up(settings)["admin_dsn"]
        existing = progress(dsn)
        start = first or (existing.next_day if existing else OPENING_DAY)
        count = number_of_days(start, last, days)
        rules = existing.rules if existing else SimulationRules()
        report = simulate_days(
            dsn,
            start=start,
            days=count,
            scale=rules.scale if scale is None else scale,
            seed=rules.seed if seed is None else seed,
            on_day=_log_day,
        )
        grant_reader(dsn, load_catalog())
    changes = sum(number for event, number in report.events.items() if event in DIMENSION_EVENTS)
    end = start + timedelta(days=count - 1)
    return Simulated(start, end, report.events["order lines"], changes, report.seconds)


def simulate_until_change(settings: Settings) -> Simulated:
    """Simulate up to a week, until there are orders and changes of master data; return the result."""
    added = simulate(settings)
    for _ in range(MAX_DAYS - 1):
        if added.order_lines and added.master_changes:
            break
        added = added + simulate(settings)
    return added


def number_of_days(start: date, last: date | None, days: int | None) -> int:
    """Return the number of days to simulate. Raises WwiError for contradicting arguments."""
    if last is not None and days is not None:
        raise WwiError("--to and --days both set the end. Give only one of them.")
    if last is None:
        return 1 if days is None else days
    if last < start:
        raise WwiError(f"cannot end at {last}: the first day to simulate is {start}. Give a later --to.")
    return (last - start).days + 1


def progress(dsn: str) -> Progress | None:
    """Return the progress of the simulation in that database; None when there is none."""
    with psycopg.connect(dsn, connect_timeout=10) as connection:
        if not _exists(connection, "simulator.state"):
            return None
        row = connection.execute(
            "select next_day, (parameters ->> 'scale')::float8, (parameters ->> 'seed')::bigint "
            "from simulator.state"
        ).fetchone()
    return Progress(row[0], SimulationRules(row[1], row[2])) if row else None


def order_lines(dsn: str) -> int:
    """Return the number of order lines in the source; 0 before its tables exist."""
    with psycopg.connect(dsn, connect_timeout=10) as connection:
        if not _exists(connection, "sales.order_lines"):
            return 0
        row = connection.execute("select count(*) from sales.order_lines").fetchone()
    return int(row[0]) if row else 0


def _exists(connection: psycopg.Connection, table: str) -> bool:
    return connection.execute("select to_regclass(%s) is not null", [table]).fetchone() == (True,)


def _log_day(done: DayReport) -> None:
    logger.info("simulated %s order_lines=%d", done.day, done.events["order lines"])
