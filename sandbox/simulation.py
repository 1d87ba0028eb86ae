"""Days of simulated business in the local source: where to go on, how far, and what came of it."""

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
from sandbox.simulator import simulate as live_through

logger = logging.getLogger(__name__)

OPENING_DAY = date(2013, 1, 1)
# the events that a type 2 dimension shows
DIMENSION_EVENTS = MASTER_DATA_EVENTS - {
    "credit limit changes",
    "logon activations",
    "password changes",
    "special deals",
}
MOST_DAYS = 7


@dataclass(frozen=True)
class Rules:
    """What a simulation is begun with. `scale` multiplies orders and customers; 1 is the true size."""

    scale: float = 1.0
    seed: int = 42


@dataclass(frozen=True)
class Progress:
    """The day that a simulation goes on with, and its rules."""

    next_day: date
    rules: Rules


@dataclass(frozen=True)
class Simulated:
    """What a simulation has added to the source. `master_changes`: events that a dimension shows."""

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


def simulate(  # noqa: PLR0913 - a period has many ways to be said
    settings: Settings,
    *,
    first: date | None = None,
    last: date | None = None,
    days: int | None = None,
    scale: float | None = None,
    seed: int | None = None,
) -> Simulated:
    """Write the days from `first` (default: where the source ends) to `last`, or `days` of them, default one.

    `scale` and `seed`: default are those that the source was begun with. Without WWI_SOURCE_ADMIN_DSN that is
    the local source, started when it is down. Lets the reading login read what is new. Raises WwiError for a
    period or a rule that does not continue what the source holds.
    """
    # libpq's variables are for a source that is given, not for the local one
    environment = without_libpq_variables() if settings.source_admin_dsn is None else nullcontext()
    with environment:
        dsn = settings.source_admin_dsn or postgres.up(settings)["admin_dsn"]
        held = progress(dsn)
        start = first or (held.next_day if held else OPENING_DAY)
        count = length(start, last, days)
        begun = held.rules if held else Rules()
        report = live_through(
            dsn,
            start=start,
            days=count,
            scale=begun.scale if scale is None else scale,
            seed=begun.seed if seed is None else seed,
            on_day=_log_day,
        )
        grant_reader(dsn, load_catalog())
    changes = sum(number for event, number in report.events.items() if event in DIMENSION_EVENTS)
    end = start + timedelta(days=count - 1)
    return Simulated(start, end, report.events["order lines"], changes, report.seconds)


def simulate_until_change(settings: Settings) -> Simulated:
    """Add days, a week at most, until there were orders and changes of master data; return what was added."""
    added = simulate(settings)
    for _ in range(MOST_DAYS - 1):
        if added.order_lines and added.master_changes:
            break
        added = added + simulate(settings)
    return added


def length(start: date, last: date | None, days: int | None) -> int:
    """Return the number of days to simulate. Raises WwiError for both or an impossible end."""
    if last is not None and days is not None:
        raise WwiError("--to and --days both say where to end. Give one of them.")
    if last is None:
        return 1 if days is None else days
    if last < start:
        raise WwiError(f"cannot end at {last}: the first day to simulate is {start}. Give a later --to.")
    return (last - start).days + 1


def progress(dsn: str) -> Progress | None:
    """Return how far the simulation in that database has come; None when there is none."""
    with psycopg.connect(dsn, connect_timeout=10) as connection:
        if not _exists(connection, "simulator.state"):
            return None
        row = connection.execute(
            "select next_day, (parameters ->> 'scale')::float8, (parameters ->> 'seed')::bigint "
            "from simulator.state"
        ).fetchone()
    return Progress(row[0], Rules(row[1], row[2])) if row else None


def order_lines(dsn: str) -> int:
    """Return how many order lines the source holds; 0 before its tables exist."""
    with psycopg.connect(dsn, connect_timeout=10) as connection:
        if not _exists(connection, "sales.order_lines"):
            return 0
        row = connection.execute("select count(*) from sales.order_lines").fetchone()
    return int(row[0]) if row else 0


def _exists(connection: psycopg.Connection, table: str) -> bool:
    return connection.execute("select to_regclass(%s) is not null", [table]).fetchone() == (True,)


def _log_day(done: DayReport) -> None:
    logger.info("simulated %s order_lines=%d", done.day, done.events["order lines"])
