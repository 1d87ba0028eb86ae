"""Estimate what a build would read and cost, before it starts. Nothing is run and nothing is written.

The models are compiled as the next build would run them, and the SQL of each is sent as a dry run. Sizes are
the present ones: if a model's inputs are rebuilt by the same build, the estimate uses their last state.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from config.errors import PermanentError
from config.settings import Settings
from transform import build_plan
from transform.build_plan import build_arguments, compile_nodes
from transform.dbt_invocation import MANIFEST, TARGET, VAULT_DIR
from transform.loading.load import plan_load
from transform.selectors import nothing_selected
from warehouse.client import connect
from warehouse.query_cost import Cost, Statement, estimate_cost

logger = logging.getLogger(__name__)

SHOWN_NODES = 5


def dry_run(
    settings: Settings,
    *,
    select: Sequence[str] = (),
    full_refresh: bool = False,
    full_selection: bool = False,
    vault_dir: Path = VAULT_DIR,
) -> Cost:
    """Return what a build of the selected nodes, by default all, would read. Raises as `dbt.build`."""
    arguments = build_arguments(select, full_refresh=full_refresh)
    cost = _estimate(settings, arguments, vault_dir, full_selection=full_selection)
    if select and not cost.estimates:
        raise nothing_selected(select, settings.home / TARGET / MANIFEST)
    return cost


def stop_above_limit(
    settings: Settings,
    arguments: Sequence[str],
    vault_dir: Path,
    *,
    full_selection: bool = False,
    raw_prefix: str | None = None,
) -> None:
    """Raise PermanentError when the build with these arguments would read more than WWI_BUILD_BYTES_LIMIT."""
    if settings.build_bytes_limit is None:
        return
    logger.info("estimating what the build would read ...")
    cost = _estimate(settings, arguments, vault_dir, full_selection=full_selection, raw_prefix=raw_prefix)
    if cost.billed_bytes > settings.build_bytes_limit:
        largest = ", ".join(f"{each.name} {each.billed_bytes}" for each in cost.known[:SHOWN_NODES])
        raise PermanentError(
            f"the build would read {cost.billed_bytes} bytes, and WWI_BUILD_BYTES_LIMIT is "
            f"{settings.build_bytes_limit}. Largest: {largest}. Nothing was run. Select fewer models, or "
            "raise the limit; `wwi build --dry-run` shows all models."
        )
    if cost.unknown:
        logger.warning("%d nodes are not in the estimate: their inputs are not built yet", len(cost.unknown))


def _estimate(
    settings: Settings,
    arguments: Sequence[str],
    vault_dir: Path,
    *,
    full_selection: bool,
    raw_prefix: str | None = None,
) -> Cost:
    client = connect(settings, "dry_run")
    plan = build_plan.plan_build(
        client, settings, arguments, vault_dir, full_selection=full_selection, raw_prefix=raw_prefix
    )
    nodes = compile_nodes(
        plan.arguments,
        settings,
        vault_dir,
        raw_prefix,
        lambda selection: plan_load(client, settings, selection).plan,
    )
    return estimate_cost(settings, [statement for node in nodes if (statement := _statement(node))])


def _statement(node: Any) -> Statement | None:
    """Return the query of a node; None for a node that reads nothing."""
    sql = getattr(node, "compiled_code", None)
    if not sql or node.resource_type not in ("model", "test"):
        return None
    if node.resource_type == "test":
        # dbt only counts the rows of a test, so BigQuery does not read unused columns
        sql = f"select count(*) from (\n{sql}\n)"
    return Statement(node.name, str(node.resource_type), sql)
