"""Estimate the bytes that BigQuery bills for a daily load, model by model.

Only the table statistics are queried, so this also works on the local warehouse and for a longer history.
The models are compiled as a build of the latest batch would run them.
"""

from collections.abc import Sequence
from datetime import datetime
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
from transform.loading.key_ranges import needed_columns
from transform.loading.load import Load, Selection, plan_load
from transform.loading.plan import Batch, LoadPlan
from transform.loading.state import read_ledger
from transform.loading.vault_models import STAGING, VaultModel
from warehouse.client import connect
from warehouse.queries import timestamp_literal
from warehouse.tables import Partitioning

FIRST_DAY = "2013-01-01"  # first business day
BUDGETS = VAULT_DIR / "cost_budget.yml"
# a load is billed for its tests, too, but budgets cover only models; dbt's artifacts are not needed
MODELS_ONLY = ("--select", "resource_type:model", "--indirect-selection", "empty", "--no-write-json")


def daily_bytes(
    settings: Settings, *, days: int | None = None, vault_dir: Path = VAULT_DIR, budgets: Path = BUDGETS
) -> tuple[ModelBytes, ...]:
    """Estimate the bytes billed for each model of a daily load, the most expensive first.

    `days`: length of the history to assume; None: the present one. Raises like `dbt.build`.
    """
    client = connect(settings, "cost")
    newest = read_ledger(client, settings).newest_loaded
    if newest is None:
        raise PermanentError("cannot estimate a daily load: nothing is loaded yet. Run `wwi run` first.")
    loads: list[Load] = []

    def plan(selection: Selection) -> LoadPlan:
        loads.append(
            plan_load(client, settings, selection, [Batch(batch_id=0, load_dts=newest, tables=None)])
        )
        return loads[0].plan

    nodes = compile_nodes(["build", *MODELS_ONLY], settings, vault_dir, plan=plan)
    sql = {node.unique_id: node.compiled_code for node in nodes}
    views = {
        f"{node.schema}.{node.alias}": sql[node.unique_id]
        for node in nodes
        if node.config.materialized == "view"
    }
    range_queries = _range_queries(loads[0].models, settings, newest)
    own = {node.unique_id: (sql[node.unique_id],) for node in nodes if node.config.materialized != "view"}
    models = [
        Model(node.name, node.fqn[1], (*own.get(node.unique_id, ()), *range_queries.get(node.unique_id, ())))
        for node in nodes
        if node.unique_id in own or node.unique_id in range_queries
    ]
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


def _range_queries(
    models: Sequence[VaultModel], settings: Settings, load_dts: datetime
) -> dict[str, tuple[str, ...]]:
    """Return the queries of the touched key ranges, by the id of the stage that reads the same raw table."""
    stages = {table: each.id for each in models if each.layer == STAGING for table in each.raw_tables}
    raw = f"`{settings.project}`.`{settings.dataset('raw')}`"
    return {
        stages[table]: (
            f"select {', '.join(sorted(columns))} from {raw}.`{table}` "
            f"where load_dts in ({timestamp_literal(load_dts)})",
        )
        for table, columns in needed_columns(models).items()
    }
