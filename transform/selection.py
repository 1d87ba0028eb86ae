"""What a load has to build: what is made of the source tables that its batches brought rows of.

dbt calls it `source_status:fresher+`; here the ledger knows which sources are fresher, without asking each. A
build takes only these models where everything else is certain to stay as it is: the build before succeeded by
the same project, batches wait and are newer than all that the vault holds, and no table is missing.
Otherwise it takes everything.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from google.cloud.bigquery import Client

from config.settings import Layer, Settings
from metadata.errors import WwiError
from metadata.naming import raw_table
from warehouse.ledger import builds
from warehouse.ledger.tables import table_name
from warehouse.queries import query

logger = logging.getLogger(__name__)

Scope = Literal["all", "touched", "selected"]

# they say which batches and days there are, so every load changes them; what is made of a day changes, too
EVERY_LOAD = ("bv_batch", "bv_snapshot+")
# they hold no rows, so a load leaves them as they are
VIEWS = tuple(f"{layer},config.materialized:view" for layer in ("business_vault", "marts"))
# the folders of models whose tables a later build reads, or leaves as they are
KEPT: tuple[Layer, ...] = ("business_vault", "marts")
MADE_AGAIN: Layer = "staging"


@dataclass(frozen=True)
class Plan:
    """What dbt is told, which part of the project that is, and the hash of the project as it is now."""

    arguments: tuple[str, ...]
    scope: Scope
    project_hash: str


@dataclass(frozen=True)
class Waiting:
    """The batches that the vault does not hold: the tables of raw that they brought rows of."""

    tables: tuple[str, ...]
    is_newest: bool


def whole(arguments: Sequence[str], project_hash: str) -> Plan:
    """The plan of a build as it is told."""
    return Plan(tuple(arguments), "selected" if "--select" in arguments else "all", project_hash)


def narrowed(plan: Plan, client: Client, settings: Settings, vault_dir: Path) -> Plan:
    """The plan of a build of everything without what the waiting batches do not touch, where that is safe."""
    try:
        is_safe = builds.is_continued(client, settings, plan.project_hash) and not any(
            _missing(client, settings, vault_dir, layer) for layer in KEPT
        )
        selection = touched(client, settings, vault_dir) if is_safe else None
    except WwiError as error:
        logger.warning("everything is built, for it cannot be told what the batches touch: %s", error)
        return plan
    if selection is None:
        return plan
    arguments = (*plan.arguments, "--select", *selection, "--exclude", *VIEWS)
    return Plan(arguments, "touched", plan.project_hash)


def touched(client: Client, settings: Settings, vault_dir: Path) -> tuple[str, ...] | None:
    """Return dbt's selection of what the waiting batches touch; None when it cannot stand for everything.

    That is so when no batch waits, or one is not newer than all that the vault holds.
    """
    waiting = _waiting(client, settings)
    if waiting is None or not waiting.is_newest:
        return None
    # BigQuery lets stages expire, and a model that is made of several reads all of them
    stages = _missing(client, settings, vault_dir, MADE_AGAIN)
    return (*(f"source:wwi_raw.{table}+" for table in waiting.tables), *sorted(stages), *EVERY_LOAD)


def _waiting(client: Client, settings: Settings) -> Waiting | None:
    """Which batches wait; None when none does, nothing is loaded yet, or no table of one is told."""
    names = {name: table_name(settings, name) for name in ("batches", "table_loads", "vault_loads")}
    rows = _ask(client, settings, _WAITING.format(**names))
    if not rows or rows[0]["newest_loaded"] is None or any(row["table_name"] is None for row in rows):
        return None
    tables = {raw_table(*row["table_name"].split(".")) for row in rows if row["has_rows"]}
    is_newest = all(row["load_dts"] > row["newest_loaded"] for row in rows)
    return Waiting(tuple(sorted(tables)), is_newest)


def _missing(client: Client, settings: Settings, vault_dir: Path, layer: Layer) -> set[str]:
    """The models of a layer of which the warehouse has no table or view."""
    models = {path.stem for path in (vault_dir / "models" / layer).rglob("*.sql")}
    dataset = f"`{settings.project}`.`{settings.dataset(layer)}`"
    rows = _ask(client, settings, f"select table_name from {dataset}.INFORMATION_SCHEMA.TABLES")
    return models - {row["table_name"] for row in rows}


def _ask(client: Client, settings: Settings, sql: str) -> Sequence[dict[str, Any]]:
    return query(client, sql, timeout_s=settings.query_timeout_s)


# a row per batch and table; one without a table may have brought anything
_WAITING = """
select
    batches.load_dts,
    loads.table_name,
    coalesce(loads.rows_loaded, 0) > 0 as has_rows,
    (select max(load_dts) from {vault_loads}) as newest_loaded
from {batches} as batches
left join {table_loads} as loads
    on batches.batch_id = loads.batch_id
where batches.status = 'completed'
    and batches.batch_id not in (select batch_id from {vault_loads})
"""
