"""The one way to call dbt: its settings, what it is told, and what came of it.

`build` runs dbt by itself and needs no Prefect server; `flows.dbt_tasks` runs it with a Prefect task per
node, by the same `run`, so that settings, report and errors are the same.
"""

import logging
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from config.errors import PermanentError
from config.settings import Settings
from transform import build_record
from transform import selection as scope
from transform.build_clock import wait_for_batches
from transform.build_plan import build_arguments, plan
from transform.build_report import BuildReport, raise_if_failed, summarise
from transform.dbt_invocation import MANIFEST, TARGET, VAULT_DIR, Invoke, run_dbt, settings_in_environment
from transform.node_retry import node_retries
from transform.selectors import nothing_selected
from warehouse.client import connect
from warehouse.lease import hold, interrupter
from warehouse.ledger.rebuilds import refuse_open_swap

logger = logging.getLogger(__name__)


def build(  # noqa: PLR0913 - what to build, how, and from where
    settings: Settings,
    *,
    select: Sequence[str] = (),
    full_refresh: bool = False,
    unit_tests: bool = False,
    whole: bool = False,
    vault_dir: Path = VAULT_DIR,
    raw_prefix: str | None = None,
) -> BuildReport:
    """Build and test the selected nodes, by default staging to marts, and return what was done.

    A plain build leaves out what the pending batches do not affect (transform/selection.py), unless `whole`.
    `raw_prefix`: raw is read from the datasets of this prefix, not from those that are written to.
    Raises BuildFailedError or BuildInterruptedError when a node failed, and PermanentError or
    TransientError when dbt got no further than its own start.
    """
    arguments = build_arguments(select, full_refresh=full_refresh, unit_tests=unit_tests)
    report = run(arguments, settings, vault_dir, run_dbt, whole=whole, raw_prefix=raw_prefix)
    if select and not (report.models_passed or report.tests_passed or report.warned):
        raise nothing_selected(select, settings.home / TARGET / MANIFEST)
    return report


def make_views(settings: Settings, *, vault_dir: Path = VAULT_DIR) -> BuildReport:
    """Make the views of business vault and marts anew, for one who holds the lease already."""
    return make(settings, scope.VIEWS, vault_dir=vault_dir)


def make(
    settings: Settings, select: Sequence[str], *, vault_dir: Path = VAULT_DIR, raw_prefix: str | None = None
) -> BuildReport:
    """Make these models anew without their tests, for one who holds the lease already."""
    started = time.monotonic()
    with settings_in_environment(settings, vault_dir, raw_prefix):
        results = run_dbt(["run", "--select", *select], settings, vault_dir)
    report = summarise(results, time.monotonic() - started)
    raise_if_failed(report)
    return report


def run(  # noqa: PLR0913 - what to build, how, and from where
    arguments: list[str],
    settings: Settings,
    vault_dir: Path,
    invoke: Invoke,
    *,
    whole: bool = False,
    raw_prefix: str | None = None,
) -> BuildReport:
    """Run one dbt command by `invoke`, and return its report or raise as `build`.

    It holds the lease of the warehouse. With WWI_BUILD_BYTES_LIMIT set it begins only below that limit.
    """
    started = time.monotonic()
    from transform.outage_retry import patience  # noqa: PLC0415 - imports the BigQuery client, seconds

    with settings_in_environment(settings, vault_dir, raw_prefix), patience(), node_retries():
        client = connect(settings, "build")
        if settings.build_bytes_limit is not None:
            from transform.dry_run import stop_above_limit  # noqa: PLC0415 - it imports this module

            stop_above_limit(settings, arguments, vault_dir, whole=whole, raw_prefix=raw_prefix)
        # two builds at once would insert the same satellite rows: each finds them missing
        with hold(client, settings, "build", on_lost=interrupter()) as lease:
            refuse_open_swap(client, settings)
            wait_for_batches(client, settings)
            made = plan(client, settings, arguments, vault_dir, whole=whole, raw_prefix=raw_prefix)
            begun = build_record.begin(client, settings, made, vault_dir, raw_prefix=raw_prefix)
            try:
                results = invoke([*made.arguments], settings, vault_dir)
            except PermanentError as error:
                build_record.end(client, settings, begun, (), raw_prefix=raw_prefix, error=str(error))
                raise
            lease.check()
            failing = build_record.end(client, settings, begun, results, raw_prefix=raw_prefix)
    report = replace(summarise(results, time.monotonic() - started, failing), scope=made.scope)
    raise_if_failed(report)
    counts = report.models_passed, report.tests_passed, report.seconds
    logger.info("build scope=%s models=%d tests=%d seconds=%.1f", made.scope, *counts)
    return report


def document(settings: Settings, select: Sequence[str], vault_dir: Path) -> Path:
    """Have dbt write its documents of the selected nodes, and return the folder they are in."""
    folder = settings.home / TARGET
    (folder / "static_index.html").unlink(missing_ok=True)
    selection = ["--select", *select] if select else []
    with settings_in_environment(settings, vault_dir), warnings.catch_warnings():
        # the adapter's query has no owners, which dbt's table of results is told to expect
        warnings.filterwarnings("ignore", message='"table_owner"', category=RuntimeWarning)
        run_dbt(["docs", "generate", "--static", *selection], settings, vault_dir)
    if not (folder / "static_index.html").exists():
        raise PermanentError(
            "dbt could not compile the models, so there are no documents. `wwi build` names the model."
        )
    return folder
