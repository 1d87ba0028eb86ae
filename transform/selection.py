"""Select the models that a load must build: those downstream of source tables with new rows.

dbt calls this `source_status:fresher+`; here the ledger knows which sources have new rows. The selection is
incremental only if all other models are certain not to change: the previous build of the same project passed,
batches are pending and newer than everything in the vault, and no table is missing. Otherwise everything is
built.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from google.cloud.bigquery import Client

from config.settings import Layer, Settings
from metadata.errors import WwiError
from transform.loading.state import read_ledger
from warehouse.ledger import builds
from warehouse.queries import query

logger = logging.getLogger(__name__)

SelectionKind = Literal["all", "touched", "selected"]

# the lists of batches and of snapshot days change with every load
ALWAYS_BUILT = ("bv_batch", "bv_snapshot+")
# views have no rows, so a load does not change them
VIEWS = tuple(f"{layer},config.materialized:view" for layer in ("business_vault", "marts"))
# layers with tables that a later build reads or keeps
PERSISTENT_LAYERS: tuple[Layer, ...] = ("business_vault", "marts")
STAGING_LAYER: Layer = "staging"


@dataclass(frozen=True)
class Plan:
    """The plan of a build: dbt's arguments, the selection, and the present hash of the project."""

    arguments: tuple[str, ...]
    scope: SelectionKind
    project_hash: str


def full_selection(arguments: Sequence[str], project_hash: str) -> Plan:
    """Return the plan of a build with exactly these arguments."""
    return Plan(tuple(arguments), "selected" if "--select" in arguments else "all", project_hash)


def incremental_selection(plan: Plan, client: Client, settings: Settings, vault_dir: Path) -> Plan:
    """Return the plan limited to models that pending batches affect, if that is safe; else the same plan."""
    try:
        is_safe = builds.allows_incremental_build(client, settings, plan.project_hash) and not any(
            _missing(client, settings, vault_dir, layer) for layer in PERSISTENT_LAYERS
        )
        selection = affected_models(client, settings, vault_dir) if is_safe else None
    except WwiError as error:
        logger.warning("cannot tell which models are affected, so all are built: %s", error)
        return plan
    if selection is None:
        return plan
    arguments = (*plan.arguments, "--select", *selection, "--exclude", *VIEWS)
    return Plan(arguments, "touched", plan.project_hash)


def affected_models(client: Client, settings: Settings, vault_dir: Path) -> tuple[str, ...] | None:
    """Return dbt's selection of the models that pending batches affect; None when all must be built.

    All must be built when no batch is pending, a pending batch is not newer than everything in the vault, or
    its tables are unknown.
    """
    ledger = read_ledger(client, settings)
    newest, tables = ledger.newest_loaded, [each.tables for each in ledger.pending]
    if newest is None or not tables or None in tables or ledger.pending[0].load_dts <= newest:
        return None
    # staging tables expire on BigQuery, and a model reads all its stages
    stages = _missing(client, settings, vault_dir, STAGING_LAYER)
    affected = sorted({name for names in tables for name in names or ()})
    return (*(f"source:wwi_raw.{table}+" for table in affected), *sorted(stages), *ALWAYS_BUILT)


def _missing(client: Client, settings: Settings, vault_dir: Path, layer: Layer) -> set[str]:
    """Return the models of a layer that have no table or view in the warehouse."""
    models = {path.stem for path in (vault_dir / "models" / layer).rglob("*.sql")}
    dataset = f"`{settings.project}`.`{settings.dataset(layer)}`"
    rows = _query(client, settings, f"select table_name from {dataset}.INFORMATION_SCHEMA.TABLES")
    return models - {row["table_name"] for row in rows}


def _query(client: Client, settings: Settings, sql: str) -> Sequence[dict[str, Any]]:
    return query(client, sql, timeout_s=settings.query_timeout_s)
