"""Run one daily load in this process, with a temporary Prefect server unless PREFECT_API_URL is set."""

from typing import TYPE_CHECKING

from config.settings import Settings
from flows.prefect_api import start_prefect_api
from metadata.load import load_catalog
from operations.preflight import check_ready

if TYPE_CHECKING:
    from flows.report import DailyReport


def run_daily_load(settings: Settings, *, full: bool = False, allow_shrink: bool = False) -> "DailyReport":
    """Run the flow `daily_load` and return its report.

    `settings` must be those of the environment, because the flow reads them from there. Raises WwiError
    if a service is down or the source is empty (before Prefect starts), a step fails, or totals differ.
    """
    check_ready(settings, load_catalog())
    wait_until_ready = start_prefect_api(settings)
    from flows.daily import daily_load  # noqa: PLC0415 - after Prefect's settings were set

    wait_until_ready()
    return daily_load(full=full, allow_shrink=allow_shrink)
