"""Estimate the bytes that BigQuery bills for a daily load, model by model.

Only the table statistics are queried, so this also works on the local warehouse and for a longer history.
The models are compiled as the next build would run them; without a pending batch, as for the latest batch.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from config.errors import PermanentError
from config.settings import Settings
from operations.cost.bytes_billed import Span
from operations.cost.model_bytes import (
    LATER,
    Model,
    ModelBytes,
    columns_read,
    estimate,
    extrapolate_all,
    is_batch_table,
    load_budgets,
    scans_by_model,
)
from operations.cost.table_statistics import column_types, history, measure
from transform.build_plan import compile_nodes
from transform.dbt_invocation import VAULT_DIR
from warehouse.client import connect
from warehouse.queries import query
from warehouse.tables import Partitioning

FIRST_DAY = "2013-01-01"  # first business day
BUDGETS = VAULT_DIR / "cost_budget.yml"
NARROWING = ".pruned_target"  # the macro of models that query the key range of their stages
GROWING = "growing"  # meta of a bridge: the hubs that it reads by the key range of its stage
EFFECTIVITY = "eff_sat_"
# a load is billed for its tests, too, but budgets cover only models; dbt's artifacts are not needed
MODELS_ONLY = ("--select", "resource_type:model", "--indirect-selection", "empty", "--no-write-json")
# what pending_load_dts writes if there is no pending batch
NO_BATCH = "timestamp '1900-01-01 00:00:00+00:00'"


def daily_bytes(
    settings: Settings, *, days: int | None = None, vault_dir: Path = VAULT_DIR, budgets: Path = BUDGETS
) -> tuple[ModelBytes, ...]:
    """Estimate the bytes billed for each model of a daily load, the most expensive first.

    `days`: length of the history to assume; None: the present one. Raises like `dbt.build`.
    """
    nodes = compile_nodes(["build", *MODELS_ONLY], settings, vault_dir)
    newest = _newest_batch(settings)
    sql = {node.unique_id: node.compiled_code.replace(NO_BATCH, newest) for node in nodes}
    views = {
        f"{node.schema}.{node.alias}": sql[node.unique_id]
        for node in nodes
        if node.config.materialized == "view"
    }
    range_queries = _range_queries(nodes)
    own = {node.unique_id: (sql[node.unique_id],) for node in nodes if node.config.materialized != "view"}
    models = [
        Model(node.name, node.fqn[1], (*own.get(node.unique_id, ()), *range_queries.get(node.unique_id, ())))
        for node in nodes
        if node.unique_id in own or node.unique_id in range_queries
    ]
    client = connect(settings, "cost")
    types = column_types(client, settings)
    reads = scans_by_model(models, settings.project, types, views)
    known = history(client, settings, FIRST_DAY)
    tables = measure(client, settings, columns_read(reads), types, partitionings(nodes), known=known)
    of_batch = {name for name in tables if is_batch_table(settings, name)}
    days_estimated = max(days or known.days, known.days)
    now = extrapolate_all(tables, Span(known.days, days_estimated), of_batch)
    later = extrapolate_all(tables, Span(known.days, LATER * days_estimated), of_batch)
    return estimate(models, reads, now, later, load_budgets(budgets))


def partitionings(nodes: Sequence[Any]) -> dict[str, Partitioning | None]:
    """Return the partitioning of these models, by `dataset.table`."""
    found: dict[str, Partitioning | None] = {}
    for node in nodes:
        by = node.config.get("partition_by")
        step = by["range"]["interval"] if by and "range" in by else None
        found[f"{node.schema}.{node.alias}"] = Partitioning(by["field"].strip("`"), step) if by else None
    return found


def _range_queries(nodes: Sequence[Any]) -> dict[str, tuple[str, ...]]:
    """Return the queries that read the key ranges of stages, by the stage's ID. A build runs each once."""
    models = {node.unique_id: node for node in nodes}
    wanted = {(stage, column) for node in nodes for stage, column in _ranges_wanted(node, models)}
    found: dict[str, tuple[str, ...]] = {}
    for stage, number in sorted(wanted):
        node = models[stage]
        sql = f"select {number} from `{node.database}`.`{node.schema}`.`{node.alias}`"
        found[stage] = (*found.get(stage, ()), sql)
    return found


def _ranges_wanted(node: Any, models: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the stages (by ID) and columns of which a model reads the range.

    A bridge does not query the range of its own key again: its effectivity satellite already did.
    """
    if any(macro.endswith(NARROWING) for macro in node.depends_on.macros):
        for stage in _stages(node, models):
            yield stage, node.config.get("partition_by")["field"]
    for end in node.config.meta.get(GROWING, {}).values():
        for parent in node.depends_on.nodes:
            if parent in models and models[parent].name.startswith(EFFECTIVITY):
                for stage in _stages(models[parent], models):
                    yield stage, f"{end}_id"


def _stages(node: Any, models: Mapping[str, Any]) -> list[str]:
    return [each for each in node.depends_on.nodes if each in models and models[each].fqn[1] == "staging"]


def _newest_batch(settings: Settings) -> str:
    """Return the load time of the newest batch in the vault, as SQL."""
    rows: list[dict[str, Any]] = query(
        connect(settings, "cost"),
        "select format_datetime('%Y-%m-%d %H:%M:%E6S', datetime(max(load_dts), 'UTC')) as newest "
        f"from `{settings.project}.{settings.dataset('audit')}.vault_loads`",
        timeout_s=settings.query_timeout_s,
    )
    if rows[0]["newest"] is None:
        raise PermanentError("cannot estimate a daily load: nothing is loaded yet. Run `wwi run` first.")
    return f"timestamp '{rows[0]['newest']}+00:00'"
