"""The flows that are deployed: what runs by a schedule or by a click, without anybody at a terminal.

`prefect.yaml` says which, when and with what parameters; `wwi serve` and `prefect deploy --all` read it. A
run skips what another run has done already, waits for the lease (flows/wait_for_lease.py), keeps its result
as artifacts, and notifies people when it fails (notify.py). Settings come from the worker's environment.

Importing this module imports Prefect and dbt, some seconds.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, Final

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from audit.pending import rows_waiting
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
    name="load", description="Postgres to raw to vault to marts, and the proof that they agree.", **DEPLOYED
)
def load(
    full: bool = False,
    allow_shrink: bool = False,
    compare_keys: bool = False,
    skip_unchanged: bool = False,
) -> State[Any] | None:
    """Load what changed, build and test every layer, and compare them with the source.

    `full` reads every table whole, `compare_keys` all keys of every table; `allow_shrink` accepts that much
    of a table is gone. `skip_unchanged` ends the run where there is nothing to build.
    """
    return _load(
        None, full=full, allow_shrink=allow_shrink, compare_keys=compare_keys, skip_unchanged=skip_unchanged
    )


@flow(name="backfill", description="Read the rows of some business days again, and all keys.", **DEPLOYED)
def backfill(first_day: date, last_day: date) -> State[Any] | None:
    """Load what changed and every row of the business days from `first_day` to `last_day`, both included.

    Rows that raw holds already come again and change nothing; what it lacks is made good.
    """
    if last_day < first_day:
        raise PermanentError(f"nothing to backfill: {last_day} is before {first_day}. Exchange the two.")
    return _load((first_day, last_day), compare_keys=True)


@flow(name="retention", description="Let go what has served its time: never a state.", **DEPLOYED)
def retention() -> State[Any] | None:
    """Thin out what old builds say of each node, and drop what an old rebuild has left."""
    if reason := superseded():
        return Completed(name=SKIPPED, message=reason)
    with _run("retention") as settings:
        report = tasks.retain(settings)
        tasks.summarise("retention", report.title, report.as_markdown())
    return Completed(message=report.title)


@flow(name="rebuild", description="Vault and marts again from raw, compared table by table.", **DEPLOYED)
def rebuild(put_in_place: bool = True, force: bool = False) -> State[Any] | None:
    """Build vault and marts beside the live ones, compare every table, and swap if all are equal.

    `put_in_place`: False compares only. `force` swaps although tables differ, as after a change of the rules.
    """
    if reason := superseded():
        return Completed(name=SKIPPED, message=reason)
    with _run("rebuild") as settings:
        report = tasks.rebuild(settings, put_in_place=put_in_place, force=force)
        title, markdown = rebuild_markdown(report)
        tasks.summarise("rebuild", title, markdown)
        if not report.is_as_raw_says:
            raise PermanentError(f"{title}. docs/how_to/rebuild.md says what to do.")
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
            # nothing failed, and the next run may find the same: nobody is notified each time
            tasks.summarise("daily-load", "nothing loaded", f"# nothing loaded\n\n{empty}")
            return Completed(name=SKIPPED, message=str(empty))
        seconds: dict[str, float] = {}
        with timed("ingest", seconds):
            batch = tasks.ingest(
                settings, catalog, full=full, allow_shrink=allow_shrink, compare_keys=compare_keys, days=days
            )
        if skip_unchanged and not rows_waiting(connect(settings, "turn"), settings):
            title, markdown = unchanged_markdown(batch, seconds["ingest"])
            tasks.summarise("daily-load", title, markdown)
            return Completed(message=title)
        # who has rows or keys read again trusts nothing that is there
        whole = full or compare_keys
        report = build_and_prove(settings, catalog, batch, seconds, whole=whole)
        tasks.show_dashboard(settings, catalog)
    return Completed(message=report.title)


@contextmanager
def _run(key: str) -> Iterator[Settings]:
    """Give the settings when the run's turn has come.

    An error is kept as an artifact of this key, where the result would have been, and goes on.
    """
    settings = Settings()
    try:
        tasks.wait_for_lease(settings)
        yield settings
    except WwiError as error:
        try:
            tasks.summarise(key, "failed", f"# failed\n\n```text\n{error}\n```")
        except Exception:  # whatever Prefect says, the error is what people must see
            logger.warning("the error could not be kept as an artifact", exc_info=True)
        raise
