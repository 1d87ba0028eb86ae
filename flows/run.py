"""One daily load in this process, with a Prefect server of its own where the environment names none."""

from typing import TYPE_CHECKING

from config.settings import Settings
from flows.prefect_api import start_prefect_api
from metadata.load import load_catalog
from operations.preflight import check_ready

if TYPE_CHECKING:
    from flows.report import DailyReport


def run_daily_load(settings: Settings, *, full: bool = False, allow_shrink: bool = False) -> "DailyReport":
    """Run the flow `daily_load` and return its report.

    The flow reads its settings from the environment itself, so `settings` must be those. Raises WwiError
    when a service is down or the source is empty, before Prefect starts; when a step fails, and when the
    layers differ.
    """
    check_ready(settings, load_catalog())
    wait_until_ready = start_prefect_api(settings)
    from flows.daily import daily_load  # noqa: PLC0415 - after Prefect's settings were made

    wait_until_ready()
    return daily_load(full=full, allow_shrink=allow_shrink)
