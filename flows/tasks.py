"""The steps of the daily load as Prefect tasks: plain functions with names, timeouts and retries.

Only a TransientError is retried, because only then a second attempt can help. No step is cached, because each
one writes. Tasks run in the process of the flow, so their results are passed on as plain values.
"""

import logging
from datetime import date
from typing import Any, Final

from prefect import task
from prefect.artifacts import create_link_artifact, create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from audit.reconciliation.reconcile import reconcile
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
from operations.retention import apply_retention
from transform.build_report import BuildReport

logger = logging.getLogger(__name__)

RETRY_DELAYS_S: Final = [5.0, 30.0]
HOUR_S: Final = 3600


def is_transient(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """Return whether a failed attempt may be retried; log it if so."""
    error = state.result(raise_on_failure=False)
    if isinstance(error, TransientError):
        logger.warning("retrying after: %s", error)
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
    """Load what changed in the source into raw, as one batch."""
    return run_batch(
        settings, catalog, full=full, allow_shrink=allow_shrink, compare_keys=compare_keys, days=days
    )


def build_vault(settings: Settings, *, whole: bool = False) -> BuildReport:
    """Build and test staging to marts: models affected by pending batches, or all with `whole`.

    A retry repeats the whole build: loading a batch twice changes nothing, and only a run of all its models
    can mark a batch as loaded.
    """
    report = dbt_tasks.build(settings, whole=whole)
    refresh_functions.refresh_outdated(settings)
    return report


def publish(key: str, title: str, markdown: str) -> None:
    """Publish the summary of a run in the Prefect UI. Artifacts with the same `key` form a series."""
    create_markdown_artifact(key=key, markdown=markdown, description=title)


def link_dashboard(settings: Settings, catalog: Catalog) -> None:
    """Write the dashboard and publish a link to it. If writing fails, the load still succeeds."""
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
retain = task(name="retention", timeout_seconds=HOUR_S, **_STEP)(apply_retention)
rebuild = task(name="rebuild", timeout_seconds=12 * HOUR_S, **_STEP)(rebuilding.rebuild)
