"""Run dbt. All builds go through this module.

`build` runs dbt directly, without a Prefect server. `flows.dbt_tasks` uses the same `run` with a Prefect task
per node, so settings, report and errors are the same.
"""

import logging
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from google.cloud.bigquery import Client

from config.errors import PermanentError
from config.settings import Settings
from transform import build_record, selection
from transform.build_plan import build_arguments, plan_build, selection_of
from transform.build_report import BuildReport, raise_if_failed, summarise
from transform.dbt_invocation import (
    MANIFEST,
    TARGET,
    VAULT_DIR,
    Invoke,
    parse,
    run_dbt,
    set_load_plan,
    settings_in_environment,
)
from transform.interrupts import repeated_interrupts
from transform.loading.load import Load, mark_loaded, plan_load, rewind
from transform.selectors import nothing_selected
from warehouse.client import connect
from warehouse.lease import hold, interrupter
from warehouse.ledger.rebuilds import fail_on_open_swap

logger = logging.getLogger(__name__)


def build(  # noqa: PLR0913 - what to build, how, and from where
    settings: Settings,
    *,
    select: Sequence[str] = (),
    full_refresh: bool = False,
    unit_tests: bool = False,
    full_selection: bool = False,
    vault_dir: Path = VAULT_DIR,
    raw_prefix: str | None = None,
) -> BuildReport:
    """Build and test the selected nodes, by default staging to marts, and return the report.

    A plain build leaves out models that no pending batch affects (transform/selection.py), unless
    `full_selection` is set.
    `raw_prefix`: raw is read from the datasets with this prefix, instead of the prefix that is written to.
    Raises BuildFailedError or BuildInterruptedError when a node failed, and PermanentError or
    TransientError when dbt could not start.
    """
    arguments = build_arguments(select, full_refresh=full_refresh, unit_tests=unit_tests)
    report = run(
        arguments, settings, vault_dir, run_dbt, full_selection=full_selection, raw_prefix=raw_prefix
    )
    if select and not (report.models_passed or report.tests_passed or report.warned):
        raise nothing_selected(select, settings.home / TARGET / MANIFEST)
    return report


def recreate_views(settings: Settings, *, vault_dir: Path = VAULT_DIR) -> BuildReport:
    """Recreate the views of business vault and marts. The caller holds the lease."""
    return run_models(settings, selection.VIEWS, vault_dir=vault_dir)


def run_models(
    settings: Settings, select: Sequence[str], *, vault_dir: Path = VAULT_DIR, raw_prefix: str | None = None
) -> BuildReport:
    """Run these models without their tests. The caller holds the lease."""
    started = time.monotonic()
    arguments = ["run", "--select", *select]
    with settings_in_environment(settings, vault_dir, raw_prefix):
        client = connect(settings, "build")
        manifest = parse(settings, vault_dir)
        load = _prepare_load(client, settings, arguments, vault_dir, manifest)
        results = run_dbt(arguments, settings, vault_dir, manifest)
        _finish_load(client, settings, load, results)
    report = summarise(results, time.monotonic() - started)
    raise_if_failed(report)
    return report


def run(  # noqa: PLR0913 - what to build, how, and from where
    arguments: list[str],
    settings: Settings,
    vault_dir: Path,
    invoke: Invoke,
    *,
    full_selection: bool = False,
    raw_prefix: str | None = None,
) -> BuildReport:
    """Run one dbt command by `invoke` while holding the lease. Returns a report or raises as `build`.

    With WWI_BUILD_BYTES_LIMIT set, it starts only if the estimate is below the limit.
    """
    started = time.monotonic()
    from transform.outage_retry import outage_retry_budget  # noqa: PLC0415 - imports the BigQuery client, seconds

    with settings_in_environment(settings, vault_dir, raw_prefix), outage_retry_budget():
        client = connect(settings, "build")
        if settings.build_bytes_limit is not None:
            from transform.dry_run import stop_above_limit  # noqa: PLC0415 - it imports this module

            stop_above_limit(
                settings, arguments, vault_dir, full_selection=full_selection, raw_prefix=raw_prefix
            )
        # two builds at the same time would both insert the same satellite rows
        with hold(client, settings, "build", on_lost=interrupter()) as lease:
            fail_on_open_swap(client, settings)
            plan = plan_build(
                client, settings, arguments, vault_dir, full_selection=full_selection, raw_prefix=raw_prefix
            )
            started_build = build_record.record_start(
                client, settings, plan, vault_dir, raw_prefix=raw_prefix
            )
            try:
                manifest = parse(settings, vault_dir)
                load = _prepare_load(client, settings, plan.arguments, vault_dir, manifest)
                started_build = build_record.with_load_plan(started_build, load.plan)
                with repeated_interrupts():
                    results = invoke([*plan.arguments], settings, vault_dir, manifest)
            except PermanentError as error:
                build_record.record_end(
                    client, settings, started_build, (), raw_prefix=raw_prefix, error=str(error)
                )
                raise
            lease.check()
            _finish_load(client, settings, load, results)
            failing = build_record.record_end(client, settings, started_build, results, raw_prefix=raw_prefix)
    report = replace(summarise(results, time.monotonic() - started, failing), scope=plan.scope)
    raise_if_failed(report)
    counts = report.models_passed, report.tests_passed, report.seconds
    logger.info("build scope=%s models=%d tests=%d seconds=%.1f", plan.scope, *counts)
    return report


def _prepare_load(
    client: Client, settings: Settings, arguments: Sequence[str], vault_dir: Path, manifest: Any
) -> Load:
    """Plan the load, prepare the vault for it, and pass the plan to dbt."""
    load = plan_load(client, settings, selection_of(arguments, settings, vault_dir, manifest))
    rewind(client, settings, load)
    set_load_plan(load.plan.as_json())
    return load


def _finish_load(client: Client, settings: Settings, load: Load, results: Sequence[Any]) -> None:
    """Mark the batches as loaded of which every affected model succeeded."""
    built = [each.node.unique_id for each in results if str(each.status) == "success"]
    mark_loaded(client, settings, load, built, build_record.invocation_id())


def generate_docs(settings: Settings, select: Sequence[str], vault_dir: Path) -> Path:
    """Generate dbt's documentation of the selected nodes, and return its folder."""
    folder = settings.home / TARGET
    (folder / "static_index.html").unlink(missing_ok=True)
    selection = ["--select", *select] if select else []
    with settings_in_environment(settings, vault_dir), warnings.catch_warnings():
        # the adapter's query has no column table_owner, which dbt expects
        warnings.filterwarnings("ignore", message='"table_owner"', category=RuntimeWarning)
        run_dbt(["docs", "generate", "--static", *selection], settings, vault_dir)
    if not (folder / "static_index.html").exists():
        raise PermanentError(
            "dbt could not compile the models, so no documentation was written. Run `wwi build` to see which "
            "model fails."
        )
    return folder
