"""The demo: half a year of business, loaded at once, then days that change master data, loaded one by one.

Run again, it finds the half year in place and goes on with the next days. It starts the services it
needs, stops those that it has started, and leaves the data under WWI_HOME.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from audit.sizes import Dimension, LayerSize, dimensions, layer_sizes
from config import local_services
from config.loopback import without_libpq_variables
from config.settings import Settings
from dashboard.write import write_dashboard
from flows.prefect_api import start_prefect_api
from flows.report import DailyReport
from metadata.errors import WwiError
from metadata.load import load_catalog
from sandbox import postgres, simulation, warehouse
from sandbox.simulation import Simulated

logger = logging.getLogger(__name__)

HALF_YEAR_ENDS = date(2013, 6, 30)
WANTED_ORDER_LINES = 30_000
# at the true size the half year has hardly less than that; July 1, a day of many changes, is to come after it
SCALE = 1.05
FURTHER_LOADS = 2


@dataclass(frozen=True)
class DemoLoad:
    """Days of business and their daily load."""

    simulated: Simulated
    report: DailyReport


@dataclass(frozen=True)
class DemoReport:
    """What the demo did and what there is now. `dashboard`: the page; `seconds`: all of it."""

    loads: tuple[DemoLoad, ...]
    order_lines: int
    layers: tuple[LayerSize, ...]
    dimensions: tuple[Dimension, ...]
    dashboard: Path
    seconds: float


def run_demo(settings: Settings, *, fresh: bool = False, keep: bool = False) -> DemoReport:
    """Run the demo on the local services and return what came of it.

    `fresh` deletes the local source and warehouse first, `keep` leaves the services running. Raises
    WwiError when the settings name another source or warehouse: the demo writes into its own only.
    """
    _check_local(settings)
    started = time.monotonic()
    wait_until_ready = start_prefect_api(settings)  # comes up while the business is simulated
    if fresh:
        postgres.reset(settings)
        warehouse.reset(settings)
    with _local_services(settings, keep=keep) as admin_dsn:
        history = _simulate_half_year(settings, admin_dsn)
        from flows.daily import daily_load  # noqa: PLC0415 - after Prefect's settings were made

        wait_until_ready()
        loads = [DemoLoad(history, daily_load())] if history else []
        for _ in range(FURTHER_LOADS):
            days = simulation.simulate_until_change(settings)
            loads.append(DemoLoad(days, daily_load()))
        return DemoReport(
            loads=tuple(loads),
            order_lines=simulation.order_lines(admin_dsn),
            layers=layer_sizes(settings),
            dimensions=dimensions(settings),
            dashboard=write_dashboard(settings, load_catalog()).path,
            seconds=time.monotonic() - started,
        )


def _check_local(settings: Settings) -> None:
    if settings.external_services:
        raise WwiError(
            "the demo writes into the local source and the local warehouse, and the settings name others. "
            f"Unset {', '.join(settings.external_services)}; `wwi run` loads a source of your own."
        )


@contextmanager
def _local_services(settings: Settings, *, keep: bool) -> Iterator[str]:
    """Have both services up inside the block; stop those that were down before, unless they are to stay.

    Yields the DSN of the source's owner.
    """
    with ExitStack() as stack:
        stack.enter_context(without_libpq_variables())
        for name, service in ((postgres.NAME, postgres), (warehouse.NAME, warehouse)):
            was_up = local_services.read_address(settings.home, name) is not None
            if not was_up and not keep:
                stack.callback(service.down, settings)
            service.up(settings)
        yield postgres.up(settings)["admin_dsn"]


def _simulate_half_year(settings: Settings, dsn: str) -> Simulated | None:
    """Simulate the first half year, longer if orders are few; None when the source holds it already."""
    held = simulation.progress(dsn)
    history = None
    if held is None or held.next_day <= HALF_YEAR_ENDS:
        history = simulation.simulate(settings, last=HALF_YEAR_ENDS, scale=None if held else SCALE)
    else:
        logger.info("the source holds the days before %s: going on from there", held.next_day)
    while simulation.order_lines(dsn) < WANTED_ORDER_LINES:
        week = simulation.simulate(settings, days=7)
        history = history + week if history else week
    return history
