"""The deployed flows, which run on a schedule or are started in the Prefect UI.

`prefect.yaml` has their schedules and parameters; `wwi serve` and `prefect deploy --all` read it. A run is
skipped if another run has already done its work, waits for the lease (flows/wait_for_lease.py), publishes its
result as artifacts, and sends a notification if it fails (notify.py). Settings come from the worker's
environment.

Importing this module imports Prefect and dbt, which takes some seconds.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, Final

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from audit.pending import pending_rows
from config.errors import PermanentError
from config.settings import Settings
from config.timing import timed
from flows import tasks
from flows.daily import build_and_prove
from flows.notify import notify_failure
from flows.report import rebuild_markdown, unchanged_markdown
from flows.wait_for_lease import SKIPPED, superseded
from metadata.errors import WwiError
from metadata.load import load_catalog
from operations.preflight import empty_source
from warehouse.client import connect

logger = logging.getLogger(__name__)

DEPLOYED: Final[dict[str, Any]] = {"on_failure": [notify_failure], "on_crashed": [notify_failure]}


@flow(
    name="load", description="Load Postgres into raw, vault and marts, and reconcile all layers.", **DEPLOYED
)
def load(
    full: bool = False,
    allow_shrink: bool = False,
    compare_keys: bool = False,
    skip_unchanged: bool = False,
) -> State[Any] | None:
    """Load what changed, build and test every layer, and compare them with the source.

    `full` reads all rows of every table, `compare_keys` all keys; `allow_shrink` allows that a large part of
    a table was deleted. `skip_unchanged` skips the build if nothing changed.
    """
    return _load(
        None, full=full, allow_shrink=allow_shrink, compare_keys=compare_keys, skip_unchanged=skip_unchanged
    )


@flow(name="backfill", description="Reload all rows of some business days, and all keys.", **DEPLOYED)
def backfill(first_day: date, last_day: date) -> State[Any] | None:
    """Load what changed and all rows of the business days from `first_day` to `last_day`, inclusive.

    Rows that are already in raw change nothing; missing rows are added.
    """
    if last_day < first_day:
        raise PermanentError(f"nothing to backfill: {last_day} is before {first_day}. Swap the two dates.")
    return _load((first_day, last_day), compare_keys=True)


@flow(name="retention", description="Delete expired records; history is never deleted.", **DEPLOYED)
def retention() -> State[Any] | None:
    """Delete old node results of builds, and the datasets that old rebuilds left."""
    if reason := superseded():
        return Completed(name=SKIPPED, message=reason)
    with _run("retention") as settings:
        report = tasks.retain(settings)
        tasks.summarise("retention", report.title, report.as_markdown())
    return Completed(message=report.title)


@flow(name="rebuild", description="Rebuild vault and marts from raw and compare every table.", **DEPLOYED)
def rebuild(put_in_place: bool = True, force: bool = False) -> State[Any] | None:
    """Rebuild vault and marts in shadow datasets, compare every table, and swap if all are equal.

    `put_in_place`: False only compares. `force` swaps even if tables differ, e.g. after a change of the hash
    rules.
    """
    if reason := superseded():
        return Completed(name=SKIPPED, message=reason)
    with _run("rebuild") as settings:
        report = tasks.rebuild(settings, put_in_place=put_in_place, force=force)
        title, markdown = rebuild_markdown(report)
        tasks.summarise("rebuild", title, markdown)
        if not report.matches_raw:
            raise PermanentError(f"{title}. See docs/how_to/rebuild.md for what to do.")
    return Completed(message=title)


def _load(
    days: tuple[date, date] | None,
    *,
    full: bool = False,
    allow_shrink: bool = False,
    compare_keys: bool = False,
    skip_unchanged: bool = False,
) -> State[Any] | None:
    if reason := superseded():
        return Completed(name=SKIPPED, message=reason)
    with _run("daily-load") as settings:
        catalog = load_catalog()
        if empty := empty_source(settings, catalog):
            # not a failure, and the next run may find the same: send no notification each time
            tasks.summarise("daily-load", "nothing loaded", f"# nothing loaded\n\n{empty}")
            return Completed(name=SKIPPED, message=str(empty))
        seconds: dict[str, float] = {}
        with timed("ingest", seconds):
            batch = tasks.ingest(
                settings, catalog, full=full, allow_shrink=allow_shrink, compare_keys=compare_keys, days=days
            )
        if skip_unchanged and not pending_rows(connect(settings, "turn"), settings):
            title, markdown = unchanged_markdown(batch, seconds["ingest"])
            tasks.summarise("daily-load", title, markdown)
            return Completed(message=title)
        # a user who rereads rows or keys does not trust the current tables: build all models
        whole = full or compare_keys
        report = build_and_prove(settings, catalog, batch, seconds, whole=whole)
        tasks.show_dashboard(settings, catalog)
    return Completed(message=report.title)


@contextmanager
def _run(key: str) -> Iterator[Settings]:
    """Wait for the lease and yield the settings.

    An error is published as an artifact with this key, instead of the result, and raised again.
    """
    settings = Settings()
    try:
        tasks.wait_for_lease(settings)
        yield settings
    except WwiError as error:
        try:
            tasks.summarise(key, "failed", f"# failed\n\n```text\n{error}\n```")
        except Exception:  # a failure of Prefect must not hide the error
            logger.warning("the error could not be published as an artifact", exc_info=True)
        raise
