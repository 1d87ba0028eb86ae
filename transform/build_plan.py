"""Plan a build: dbt's arguments, the selection, and the compiled nodes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from google.cloud.bigquery import Client

from config.settings import Settings
from transform import build_record, selection
from transform.build_report import raise_if_failed, summarise
from transform.dbt_invocation import (
    VAULT_DIR,
    parse,
    run_dbt,
    selected_nodes,
    set_load_plan,
    settings_in_environment,
)
from transform.loading.load import Selection
from transform.loading.plan import LoadPlan
from transform.selectors import STRICT_SELECTION

WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")


def build_arguments(
    select: Sequence[str] = (), *, full_refresh: bool = False, unit_tests: bool = False
) -> list[str]:
    """Return dbt's arguments for a build of the selected nodes, by default all.

    Unit tests use their own rows and do not check the data, so a load runs without them.
    """
    selection = ["--select", *select] if select else []
    return [
        "build",
        *selection,
        *([] if unit_tests else WITHOUT_UNIT_TESTS),
        *(["--full-refresh"] if full_refresh else []),
        *(STRICT_SELECTION if select else []),
    ]


def plan_build(  # noqa: PLR0913 - what to build, how, and from where
    client: Client,
    settings: Settings,
    arguments: Sequence[str],
    vault_dir: Path = VAULT_DIR,
    *,
    full_selection: bool = False,
    raw_prefix: str | None = None,
) -> selection.Plan:
    """Return the plan of a build. A plain build selects only models that pending batches affect."""
    plan = selection.full_selection(arguments, build_record.project_hash(vault_dir, settings))
    is_plain = [*arguments] == build_arguments() and not full_selection
    if not is_plain or raw_prefix is not None or vault_dir != VAULT_DIR:
        return plan
    return selection.incremental_selection(plan, client, settings, vault_dir)


def selection_of(arguments: Sequence[str], settings: Settings, vault_dir: Path, manifest: Any) -> Selection:
    """Return what a build with these arguments builds."""
    nodes = selected_nodes(arguments, settings, vault_dir, manifest)
    variables = build_record.project_variables(vault_dir)
    return Selection(manifest, variables, nodes, full_refresh="--full-refresh" in arguments)


def compile_nodes(
    arguments: Sequence[str],
    settings: Settings,
    vault_dir: Path,
    raw_prefix: str | None = None,
    plan: Callable[[Selection], LoadPlan] | None = None,
) -> Sequence[Any]:
    """Return the compiled nodes of a build with these arguments. `plan`: makes the load plan of the build."""
    kept = [argument for argument in arguments[1:] if argument not in WITHOUT_UNIT_TESTS]
    with settings_in_environment(settings, vault_dir, raw_prefix):
        manifest = parse(settings, vault_dir)
        if plan is not None:
            set_load_plan(plan(selection_of(arguments, settings, vault_dir, manifest)).as_json())
        results = run_dbt(["compile", *kept], settings, vault_dir, manifest)
    raise_if_failed(summarise(results, 0))
    return [result.node for result in results]
