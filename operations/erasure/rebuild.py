"""Rebuild the tables of vault and marts that contained the values of an erased person."""

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from config.settings import Layer, Settings
from metadata import naming
from metadata.mappings import HubMapping, NonHistorizedLinkMapping, ReferenceMapping
from metadata.spec import Table
from operations import shadow_datasets, swap
from operations.erasure.task import Task
from transform import dbt
from transform.build_plan import compile_nodes
from warehouse.ledger.erasures import Erasure
from warehouse.queries import query

logger = logging.getLogger(__name__)


def rebuild_affected(task: Task, begun: Sequence[Erasure], vault_dir: Path) -> tuple[str, ...]:
    """Rebuild the tables with the changed columns from raw in shadow datasets, and replace the live ones.

    Then build the stages (which contain the latest batch), business vault and marts in place. `begun`: all
    erasure records of this person, so that an interrupted erasure is completed by the next.
    """
    changed: dict[str, set[str]] = defaultdict(set)
    for each in begun:
        for change in each.changes:
            changed[change.table].update(change.columns)
    tables = [table for table in task.catalog.tables if table.qualified in changed]
    models = sorted({model for table in tables for model in _models(table, changed[table.qualified])})
    shadow = shadow_datasets.create(task.client, task.settings, begun[-1].erasure_id)
    points = _points_in_time(shadow, models, vault_dir, task.settings.dataset_prefix)
    selected = [f"+{model}" for model in (*models, *points)]
    logger.info("erase: %s from raw ...", ", ".join((*models, *points)))
    dbt.run_models(shadow, selected, vault_dir=vault_dir, raw_prefix=task.settings.dataset_prefix)
    swap.refill(task.client, task.settings, shadow, "raw_vault", _with_columns(task, "raw_vault", models))
    swap.refill(
        task.client, task.settings, shadow, "business_vault", _with_columns(task, "business_vault", points)
    )
    shadow_datasets.drop(task.client, task.settings)
    logger.info("erase: business vault and marts ...")
    stages = [table.stage_name for table in tables]
    dbt.run_models(task.settings, [*stages, "business_vault", "marts"], vault_dir=vault_dir)
    return tuple(models)


def _points_in_time(
    shadow: Settings, models: Sequence[str], vault_dir: Path, raw_prefix: str
) -> tuple[str, ...]:
    """Return the incremental tables of the business vault downstream of these models.

    They contain load times of states that are now identical, so they are also rebuilt from the start.
    """
    chosen = [f"{model}+,business_vault,config.materialized:incremental" for model in models]
    arguments = ["compile", "--select", *chosen, "--no-populate-cache", "--full-refresh"]
    nodes = compile_nodes(arguments, shadow, vault_dir, raw_prefix)
    # dbt also returns the tests of the selected models
    return tuple(sorted(node.name for node in nodes if node.resource_type == "model"))


def _models(table: Table, columns: Collection[str]) -> list[str]:
    """Return the raw vault's tables that contain these columns."""
    mapping = table.vault
    if isinstance(mapping, ReferenceMapping):
        return [naming.reference(mapping.reference)]
    if isinstance(mapping, HubMapping | NonHistorizedLinkMapping):
        return [
            naming.satellite(mapping.concept, satellite.topic)
            for satellite in mapping.satellites
            if set(satellite.columns) & set(columns)
        ]
    return []  # not mapped to the vault


def _with_columns(task: Task, layer: Layer, models: Sequence[str]) -> list[tuple[str, list[str]]]:
    dataset = task.settings.dataset(layer)
    rows = query(
        task.client,
        "select table_name, column_name\n"
        f"from `{task.settings.project}`.`{dataset}`.INFORMATION_SCHEMA.COLUMNS",
        timeout_s=task.settings.query_timeout_s,
    )
    found: Mapping[str, list[str]] = {model: [] for model in models}
    for row in rows:
        if row["table_name"] in found:
            found[row["table_name"]].append(row["column_name"])
    return list(found.items())
