"""The steps of the daily load as Prefect tasks: plain functions that get names, limits and retries here.

Only a TransientError is tried again, for only then a second attempt can help; no step is cached, for each
one writes. Tasks run in the process of the flow, so what they hand on is a value and never leaves it.
"""

import logging
from typing import Any, Final

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from flows import dbt_tasks, functions
from flows.dbt import BuildReport
from ingestion.batch import run_batch
from ingestion.errors import TransientError
from ingestion.report import BatchReport
from ingestion.settings import Settings
from metadata.spec import Catalog
from questions.reconcile import reconcile

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


def load_batch(settings: Settings, catalog: Catalog, *, full: bool, allow_shrink: bool) -> BatchReport:
    """Copy what changed in the source into raw, as one batch."""
    return run_batch(settings, catalog, full=full, allow_shrink=allow_shrink)


def build_vault(settings: Settings) -> BuildReport:
    """Build and test staging to marts.

    A second attempt is a whole build again: loading a batch twice changes nothing, and only a run that saw
    every model can mark the batch as loaded.
    """
    report = dbt_tasks.build(settings)
    functions.renew(settings)
    return report


def publish(title: str, markdown: str) -> None:
    """Keep the summary of a run where the Prefect UI shows it."""
    create_markdown_artifact(key="daily-load", markdown=markdown, description=title)


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
