"""The steps of the daily load as Prefect tasks: plain functions that get names, limits and retries here.

Only a TransientError is tried again, for only then a second attempt can help; no step is cached, for each
one writes. Tasks run in the process of the flow, so what they hand on is a value and never leaves it.
"""

import logging
from datetime import date
from typing import Any, Final

from prefect import task
from prefect.artifacts import create_link_artifact, create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from audit.reconcile import reconcile
from config.errors import TransientError
from config.settings import Settings
from dashboard.write import write_dashboard
from flows import dbt_tasks
from flows.wait_for_lease import wait_for_lease as wait_until_free
from ingestion.batch import run_batch
from ingestion.report import BatchReport
from metadata.errors import WwiError
from metadata.spec import Catalog
from operations import rebuild as rebuilding
from operations import refresh_functions
from operations.retention import retain as let_go
from transform.build_report import BuildReport

logger = logging.getLogger(__name__)

RETRY_DELAYS_S: Final = [5.0, 30.0]
HOUR_S: Final = 3600


def is_transient(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """Tell whether the failed attempt may be repeated, and say so when it is."""
    error = state.result(raise_on_failure=False)
    if isinstance(error, TransientError):
        logger.warning("trying again: %s", error)
        return True
    return False


def load_batch(  # noqa: PLR0913 - the options of a batch
    settings: Settings,
    catalog: Catalog,
    *,
    full: bool,
    allow_shrink: bool,
    compare_keys: bool = False,
    days: tuple[date, date] | None = None,
) -> BatchReport:
    """Copy what changed in the source into raw, as one batch."""
    return run_batch(
        settings, catalog, full=full, allow_shrink=allow_shrink, compare_keys=compare_keys, days=days
    )


def build_vault(settings: Settings, *, whole: bool = False) -> BuildReport:
    """Build and test staging to marts: what the new batches touch, or all of it with `whole`.

    A second attempt is a whole build again: loading a batch twice changes nothing, and only a run that saw
    every model can mark the batch as loaded.
    """
    report = dbt_tasks.build(settings, whole=whole)
    refresh_functions.renew(settings)
    return report


def publish(key: str, title: str, markdown: str) -> None:
    """Keep the summary of a run where the Prefect UI shows it; `key` names the series it belongs to."""
    create_markdown_artifact(key=key, markdown=markdown, description=title)


def link_dashboard(settings: Settings, catalog: Catalog) -> None:
    """Write the dashboard and keep a link to it; that it cannot be written does not undo a load."""
    try:
        page = write_dashboard(settings, catalog)
    except WwiError as error:
        logger.warning("the dashboard was not written: %s", error)
        return
    create_link_artifact(
        key="dashboard",
        link=settings.dashboard_url or page.path.as_uri(),
        link_text="dashboard",
        description="Sales, fulfilment, stock and receivables after this load.",
    )


_STEP: Final[dict[str, Any]] = {
    "retries": len(RETRY_DELAYS_S),
    "retry_delay_seconds": RETRY_DELAYS_S,
    "retry_condition_fn": is_transient,
    "cache_policy": NO_CACHE,
}

ingest = task(name="ingest", timeout_seconds=6 * HOUR_S, **_STEP)(load_batch)
build = task(name="build", timeout_seconds=6 * HOUR_S, **_STEP)(build_vault)
compare = task(name="reconcile", timeout_seconds=HOUR_S, **_STEP)(reconcile)
summarise = task(name="summary", timeout_seconds=60, cache_policy=NO_CACHE)(publish)
show_dashboard = task(name="dashboard", timeout_seconds=600, cache_policy=NO_CACHE)(link_dashboard)
wait_for_lease = task(name="wait for lease", timeout_seconds=2 * HOUR_S, **_STEP)(wait_until_free)
retain = task(name="retention", timeout_seconds=HOUR_S, **_STEP)(let_go)
rebuild = task(name="rebuild", timeout_seconds=12 * HOUR_S, **_STEP)(rebuilding.rebuild)
