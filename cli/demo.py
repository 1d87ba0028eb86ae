"""Run the demo: load half a year of business at once, then days that change master data, one by one.

A second run keeps the half year and continues with the next days. The demo starts the services that it
needs, stops those that it started, and leaves the data in WWI_HOME.
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
# at scale 1 the half year has slightly fewer; it must end before July 1, a day of many changes
SCALE = 1.05
FURTHER_LOADS = 2


@dataclass(frozen=True)
class DemoLoad:
    """Simulated days and their daily load."""

    simulated: Simulated
    report: DailyReport


@dataclass(frozen=True)
class DemoReport:
    """The loads of the demo and the resulting tables. `dashboard`: path of the page; `seconds`: in total."""

    loads: tuple[DemoLoad, ...]
    order_lines: int
    layers: tuple[LayerSize, ...]
    dimensions: tuple[Dimension, ...]
    dashboard: Path
    seconds: float


def run_demo(settings: Settings, *, fresh: bool = False, keep: bool = False) -> DemoReport:
    """Run the demo on the local services and return its report.

    `fresh` deletes the local source and warehouse first, `keep` leaves the services running. Raises
    WwiError if the settings name another source or warehouse: the demo writes only to the local ones.
    """
    _check_local(settings)
    started = time.monotonic()
    wait_until_ready = start_prefect_api(settings)  # it starts while the business is simulated
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
            "the demo writes only to the local source and the local warehouse, but the settings name others. "
            f"Unset {', '.join(settings.external_services)}, or load your own source with `wwi run`."
        )


@contextmanager
def _local_services(settings: Settings, *, keep: bool) -> Iterator[str]:
    """Start both services for the block and yield the DSN of the source's owner.

    Services that were not running before are stopped afterwards, unless `keep`.
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
    """Simulate the first half year, longer if there are few orders; None if the source already has it."""
    state = simulation.progress(dsn)
    history = None
    if state is None or state.next_day <= HALF_YEAR_ENDS:
        history = simulation.simulate(settings, last=HALF_YEAR_ENDS, scale=None if state else SCALE)
    else:
        logger.info("the source already has the days before %s: continuing from there", state.next_day)
    while simulation.order_lines(dsn) < WANTED_ORDER_LINES:
        week = simulation.simulate(settings, days=7)
        history = history + week if history else week
    return history
