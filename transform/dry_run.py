"""What a build would read and cost, asked before it begins; nothing is run and nothing is written.

The models are compiled as the coming load would run them, and each one's SQL is sent as a dry run. What it
reads is then as large as it is now: a model whose inputs are built first by the same build is judged by what
the last build left in them.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from config.errors import PermanentError
from config.settings import Settings
from transform import build_plan
from transform.build_plan import build_arguments, compiled
from transform.dbt_invocation import MANIFEST, TARGET, VAULT_DIR
from transform.selectors import nothing_selected
from warehouse.client import connect
from warehouse.query_cost import Cost, Statement, costs

logger = logging.getLogger(__name__)

NAMED = 5


def dry_run(
    settings: Settings,
    *,
    select: Sequence[str] = (),
    full_refresh: bool = False,
    whole: bool = False,
    vault_dir: Path = VAULT_DIR,
) -> Cost:
    """Return what a build of the selected nodes would read, by default of all. Raises as `dbt.build`."""
    arguments = build_arguments(select, full_refresh=full_refresh)
    cost = _cost(settings, arguments, vault_dir, whole=whole)
    if select and not cost.estimates:
        raise nothing_selected(select, settings.home / TARGET / MANIFEST)
    return cost


def stop_above_limit(
    settings: Settings,
    arguments: Sequence[str],
    vault_dir: Path,
    *,
    whole: bool = False,
    raw_prefix: str | None = None,
) -> None:
    """Raise PermanentError when the build with these arguments would read more than WWI_BUILD_BYTES_LIMIT."""
    if settings.build_bytes_limit is None:
        return
    logger.info("asking what the build would read ...")
    cost = _cost(settings, arguments, vault_dir, whole=whole, raw_prefix=raw_prefix)
    if cost.billed_bytes > settings.build_bytes_limit:
        dearest = ", ".join(f"{each.name} {each.billed_bytes}" for each in cost.known[:NAMED])
        raise PermanentError(
            f"the build would read {cost.billed_bytes} bytes, and WWI_BUILD_BYTES_LIMIT is "
            f"{settings.build_bytes_limit}. The most by {dearest}. Nothing was run. "
            "`wwi build --dry-run` shows all; select less, or raise the limit."
        )
    if cost.unknown:
        logger.warning("%d nodes are not in the estimate: what they read is not built yet", len(cost.unknown))


def _cost(
    settings: Settings,
    arguments: Sequence[str],
    vault_dir: Path,
    *,
    whole: bool,
    raw_prefix: str | None = None,
) -> Cost:
    client = connect(settings, "dry_run")
    plan = build_plan.plan(client, settings, arguments, vault_dir, whole=whole, raw_prefix=raw_prefix)
    nodes = compiled(plan.arguments, settings, vault_dir, raw_prefix)
    return costs(settings, [statement for node in nodes if (statement := _statement(node))])


def _statement(node: Any) -> Statement | None:
    """The node's SQL as BigQuery is asked to read by it; None for a node that asks nothing."""
    sql = getattr(node, "compiled_code", None)
    if not sql or node.resource_type not in ("model", "test"):
        return None
    if node.resource_type == "test":
        # dbt counts what a test finds: columns that nobody counts are not read
        sql = f"select count(*) from (\n{sql}\n)"
    return Statement(node.name, str(node.resource_type), sql)
