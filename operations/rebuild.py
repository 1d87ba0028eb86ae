"""Rebuild vault and marts from raw in shadow datasets, compare them with the live ones, and swap them.

Raw is complete, so everything downstream can be rebuilt. The rebuild loads all batches at once into shadow
datasets, `<prefix>_rebuild_*`, while the live tables were loaded batch by batch. If every table is equal, row
by row, the result of the loads did not depend on their order or grouping, and nobody altered the tables.

It holds the lease of the live warehouse, so nothing is loaded meanwhile.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from google.cloud.bigquery import Client

from audit.verification.content import LAYERS, Shape, TableComparison, compare, shapes
from config.errors import MissingInWarehouseError, PermanentError
from config.settings import Layer, Settings
from config.timing import timed
from metadata.errors import WwiError
from operations import shadow_datasets, swap
from transform import dbt
from transform.dbt_invocation import VAULT_DIR
from warehouse.client import connect
from warehouse.lease import Lease, hold, interrupter
from warehouse.ledger import rebuilds
from warehouse.ledger.tables import COMPLETED, table_name
from warehouse.queries import query

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RebuildReport:
    """The result of a rebuild.

    `tables`: every table and view of vault and marts, live and rebuilt. `swapped`: the rebuilt tables have
    replaced the live ones. `finished`: this run completed the interrupted swap of an earlier rebuild, and
    `tables` were compared afterwards. `side`: prefix of the shadow datasets, if they were kept.
    """

    rebuild_id: int
    batches: int
    tables: tuple[TableComparison, ...]
    swapped: bool
    finished: bool
    side: str | None
    seconds: Mapping[str, float]

    @property
    def different(self) -> tuple[TableComparison, ...]:
        """The tables that are not equal."""
        return tuple(each for each in self.tables if not each.is_equal)

    @property
    def matches_raw(self) -> bool:
        """Whether the live tables match raw: they equal the rebuilt tables or were replaced by them."""
        return self.swapped or not self.different


def rebuild(
    settings: Settings,
    *,
    put_in_place: bool = True,
    force: bool = False,
    keep_side: bool = False,
    vault_dir: Path = VAULT_DIR,
) -> RebuildReport:
    """Rebuild vault and marts in shadow datasets, compare all tables, and swap them if all are equal.

    `put_in_place`: False only compares. `force`: swap even if tables differ, such as after a change of the
    hash rules or of a model. `keep_side`: keep the shadow datasets; they are always kept if tables differ and
    were not swapped. If the swap of an earlier rebuild was interrupted, it is completed instead.

    Raises PermanentError if there is nothing to rebuild or a batch is pending, and like `dbt.build`.
    """
    client = connect(settings, "rebuild")
    with hold(client, settings, "rebuild", on_lost=interrupter()) as lease:
        rebuilds.ensure_tables(client, settings)
        begun = rebuilds.open_swap(client, settings)
        if begun and shadow_datasets.exists(client, settings, begun.rebuild_id):
            return _finish(client, settings, lease, begun.rebuild_id, keep_side, vault_dir)
        # an unfinished swap without its shadow datasets: the live tables cannot be equal
        force = force or begun is not None
        batches = loaded_batches(client, settings, allow_pending=force)
        rebuild_id = rebuilds.record_start(client, settings)
        try:
            return _rebuild(
                client, settings, lease, _Task(rebuild_id, batches, put_in_place, force, keep_side, vault_dir)
            )
        except WwiError as error:
            rebuilds.mark_failed(client, settings, rebuild_id, str(error))
            raise


@dataclass(frozen=True)
class _Task:
    """The options of one rebuild, see `rebuild`."""

    rebuild_id: int
    batches: int
    put_in_place: bool
    force: bool
    keep_side: bool
    vault_dir: Path


def _rebuild(client: Client, settings: Settings, lease: Lease, task: _Task) -> RebuildReport:
    seconds: dict[str, float] = {}
    with timed("build", seconds, of="rebuild"):
        shadow = shadow_datasets.create(client, settings, task.rebuild_id)
        dbt.build(shadow, vault_dir=task.vault_dir, raw_prefix=settings.dataset_prefix)
        lease.check()
    with timed("compare", seconds, of="rebuild"):
        compared = compare(client, settings, shadow)
        different = [each for each in compared if not each.is_equal]
        rebuilds.record_proof(
            client,
            settings,
            task.rebuild_id,
            batches=task.batches,
            different=len(different),
            tables=[_proof(each) for each in compared],
        )
    swapped = task.put_in_place and (task.force or not different)
    if swapped:
        with timed("swap", seconds, of="rebuild"):
            lease.confirm()
            rebuilds.set_status(client, settings, task.rebuild_id, "swapping")
            _swap(client, settings, shadow, task.vault_dir, with_views=bool(different))
    kept = task.keep_side or (bool(different) and not swapped)
    if not kept:
        shadow_datasets.drop(client, settings)
    logger.info("rebuild tables=%d different=%d swapped=%s", len(compared), len(different), swapped)
    return RebuildReport(
        task.rebuild_id,
        task.batches,
        compared,
        swapped,
        finished=False,
        side=shadow.dataset_prefix if kept else None,
        seconds=seconds,
    )


def _finish(  # noqa: PLR0913, PLR0917 - the options of a rebuild
    client: Client, settings: Settings, lease: Lease, rebuild_id: int, keep_side: bool, vault_dir: Path
) -> RebuildReport:
    """Complete an interrupted swap: swap every table again, then compare."""
    logger.warning("the swap of rebuild %d was interrupted; completing it", rebuild_id)
    seconds: dict[str, float] = {}
    shadow = shadow_datasets.shadow_settings(settings)
    with timed("swap", seconds, of="rebuild"):
        lease.confirm()
        _swap(client, settings, shadow, vault_dir, with_views=True)
    with timed("compare", seconds, of="rebuild"):
        compared = compare(client, settings, shadow)
        batches = loaded_batches(client, shadow, allow_pending=True)
    if not keep_side:
        shadow_datasets.drop(client, settings)
    return RebuildReport(
        rebuild_id,
        batches,
        compared,
        swapped=True,
        finished=True,
        side=shadow.dataset_prefix if keep_side else None,
        seconds=seconds,
    )


def _swap(client: Client, live: Settings, shadow: Settings, vault_dir: Path, *, with_views: bool) -> None:
    """Replace every live table by the rebuilt one, the marts last, then copy the ledger's vault loads."""
    ours, theirs = shapes(client, live), shapes(client, shadow)
    filled: dict[Layer, list[tuple[str, list[str]]]] = defaultdict(list)
    for name, table in theirs.items():
        if table.is_view:
            continue
        if name in ours and may_refill(ours[name], table):
            filled[table.layer].append((table.name, list(table.columns)))
        else:
            swap.replace(client, live, shadow, table.layer, table.name)
    for layer in LAYERS:
        swap.refill(client, live, shadow, layer, filled[layer])
    if with_views:
        dbt.recreate_views(live, vault_dir=vault_dir)
    swap.copy_vault_loads(client, live, shadow)
    rebuilds.mark_swaps_finished(client, live)


def may_refill(live: Shape, rebuilt: Shape) -> bool:
    """Return whether a live table can be refilled: columns and layout equal those of the rebuilt one."""
    return not live.is_view and live.columns == rebuilt.columns and live.layout == rebuilt.layout


def loaded_batches(client: Client, settings: Settings, *, allow_pending: bool) -> int:
    """Return the number of completed batches.

    Raises PermanentError if there are none or, without `allow_pending`, if the vault has not loaded one.
    """
    names = {name: table_name(settings, name) for name in ("batches", "vault_loads")}
    try:
        rows = query(
            client,
            f"select batch_id, batch_id in (select batch_id from {names['vault_loads']}) as is_loaded "
            f"from {names['batches']} where status = '{COMPLETED}' order by batch_id",
            timeout_s=settings.query_timeout_s,
        )
    except MissingInWarehouseError:
        rows = []
    if not rows:
        raise PermanentError("nothing to rebuild: no batch was completed yet. Run `wwi run`.")
    pending = [str(row["batch_id"]) for row in rows if not row["is_loaded"]]
    if pending and not allow_pending:
        raise PermanentError(
            f"batch {', '.join(pending)} is not in the vault yet, so live and rebuilt tables would differ. "
            "Run `wwi build` first. If that fails because hash rules or models have changed, run "
            "`wwi rebuild --force` to replace the live tables."
        )
    return len(rows)


def _proof(each: TableComparison) -> dict[str, object]:
    """Return one row of the ledger's `rebuilt_tables`."""
    return {
        "layer": each.layer,
        "table_name": each.table,
        "live_rows": each.live.rows if each.live else None,
        "rebuilt_rows": each.rebuilt.rows if each.rebuilt else None,
        "live_checksum": each.live.checksum if each.live else None,
        "rebuilt_checksum": each.rebuilt.checksum if each.rebuilt else None,
        "is_equal": each.is_equal,
        "difference": each.difference or None,
    }
