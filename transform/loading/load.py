"""Plan a load, prepare the vault for it, and mark the batches as loaded. dbt runs in between."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.cloud.bigquery import Client

from config.settings import Settings
from transform.loading import checks
from transform.loading.checks import Columns
from transform.loading.key_ranges import KeyRanges, columns_to_ask, needed_columns
from transform.loading.plan import Batch, LoadPlan, loaded_batches, make_plan
from transform.loading.state import (
    read_columns,
    read_key_ranges,
    read_ledger,
    tables_with_rows_since,
    with_loaded_rows,
)
from transform.loading.vault_models import RawTable, VaultModel, depending_on, raw_sources, vault_models
from warehouse.ledger import vault_loads
from warehouse.queries import execute, timestamp_literal

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Selection:
    """What a build builds. `manifest`: dbt's. `nodes`: ids; None: all. `variables`: of the dbt project."""

    manifest: Any
    variables: Mapping[str, Any]
    nodes: Collection[str] | None = None
    full_refresh: bool = False


@dataclass(frozen=True)
class Load:
    """A load: its models, its plan, and the full names of the existing tables that it adds rows to."""

    models: tuple[VaultModel, ...] = ()
    plan: LoadPlan = field(default_factory=LoadPlan)
    tables: tuple[str, ...] = ()
    full_refresh: bool = False
    hash_version: int = 0


def plan_load(
    client: Client, settings: Settings, selection: Selection, batches: Sequence[Batch] | None = None
) -> Load:
    """Return the load of a build. It only reads. `batches`: to load instead of the pending ones.

    Raises PermanentError if the load would leave the vault incomplete, or if there is no ledger.
    """
    models, is_refresh = vault_models(selection.manifest), selection.full_refresh
    chosen = depending_on(models, None) if selection.nodes is None else frozenset(selection.nodes)
    if not any(each.id in chosen for each in models):
        return Load()
    if is_refresh:
        checks.check_full_refresh(models, chosen)
    ledger = read_ledger(client, settings, full_refresh=is_refresh)
    pending = ledger.pending if batches is None else tuple(batches)
    hash_version = int(selection.variables["hash_version"])
    if is_refresh:
        return Load(models, make_plan(models, pending, chosen, None), (), is_refresh, hash_version)
    checks.check_hash_version(ledger.hash_versions, hash_version)
    filled = [each for each in models if each.keeps_rows]
    sources = raw_sources(selection.manifest)
    datasets = {each.dataset for each in filled} | {each.dataset for each in sources.values()}
    columns = read_columns(client, settings, datasets)
    existing = {name: each for name, each in sources.items() if (each.dataset, name) in columns}
    ranges: KeyRanges | None = None
    if ledger.newest_loaded:
        missing = [each for each in filled if (each.dataset, each.table) not in columns]
        checks.check_tables(filled, columns, with_loaded_rows(client, settings, missing, existing))
        asked, unknown = columns_to_ask(needed_columns(models), _with_rows(pending, existing, columns))
        width = int(selection.variables["key_range"])
        known = read_key_ranges(client, settings, asked, [each.load_dts for each in pending], width)
        ranges = {**known, **unknown}
    plan = make_plan(models, pending, chosen, ranges)
    tables = tuple(each.relation for each in filled if (each.dataset, each.table) in columns)
    return Load(models, plan, tables, is_refresh, hash_version)


def _with_rows(
    batches: Sequence[Batch], tables: Mapping[str, RawTable], columns: Columns
) -> dict[RawTable, Collection[str]]:
    """Return the raw tables that may have rows in the batches, with their columns."""
    return {
        table: columns[table.dataset, name]
        for name, table in tables.items()
        if any(batch.tables is None or name in batch.tables for batch in batches)
    }


def rewind(client: Client, settings: Settings, load: Load) -> None:
    """If a late batch is pending, delete all rows since the load time of the first pending batch.

    Satellites only add rows newer than their latest row, so they would skip a batch that was completed after
    newer ones were loaded. Therefore it and all later batches are loaded again, in order: see
    docs/adr/0008-a-late-batch-rewinds-the-vault.md. A usual load deletes nothing. Neither does a build that
    selects only some of the affected models, since it marks no batch as loaded.
    """
    batches = load.plan.batches
    has_older_and_newer = len(batches) > 1
    if load.full_refresh or not load.plan.is_complete or not has_older_and_newer:
        return
    first = batches[0]
    tables = tables_with_rows_since(client, settings, load.tables, first.load_dts)
    for table in tables:
        late = f"delete from {table} where load_dts >= {timestamp_literal(first.load_dts)}"
        execute(client, late, timeout_s=settings.query_timeout_s)
    if tables:
        logger.info(
            "batch %d is late: deleted the rows since %s UTC from %d tables; loading %d batches in order",
            first.batch_id, f"{first.load_dts:%Y-%m-%d %H:%M:%S}", len(tables), len(batches),
        )  # fmt: skip


def mark_loaded(
    client: Client, settings: Settings, load: Load, built: Collection[str], invocation_id: str
) -> None:
    """Mark the batches as loaded of which every affected model was built. Others stay pending.

    `built`: ids of the nodes that succeeded. Loading a batch twice does no harm.
    """
    if not load.models:
        return
    is_whole = depending_on(load.models, None) <= frozenset(built)
    loaded = load.plan.batches if is_whole else ()
    if not load.full_refresh:
        loaded = loaded_batches(load.models, load.plan.batches, built)
    ids = [each.batch_id for each in loaded]
    vault_loads.record_loads(client, settings, ids, invocation_id, load.hash_version)
    if load.full_refresh and is_whole:
        vault_loads.record_hash_version(client, settings, load.hash_version)
    waiting = len(load.plan.batches) - len(loaded)
    if waiting and built:
        logger.info("%d batches stay pending: not all models that they affect were built", waiting)
