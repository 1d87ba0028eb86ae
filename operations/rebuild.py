"""`wwi rebuild`: vault and marts made again from raw beside the live ones, compared, and put in their place.

Raw is complete, so everything after it can be made again. That is worth only as much as it is tried: the
rebuild is made in datasets of its own, `<prefix>_rebuild_*`, from all batches in one go, while the live
tables came about one load at a time. When every table is equal, row by row, that proves both: nothing
that a load did depended on the order or grouping of the loads, and nobody has touched the tables since.

It runs under the lease of the live warehouse, so nothing is loaded meanwhile.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from google.cloud.bigquery import Client

from audit.content import LAYERS, Shape, TableComparison, compare, shapes
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
    """What a rebuild found and did.

    `tables`: every table and view of vault and marts, live and rebuilt. `swapped`: the rebuilt tables are the
    live ones now. `finished`: an earlier rebuild was interrupted at that, and this run completed it; then
    `tables` is what was found afterwards. `side`: prefix of the rebuilt datasets, where they were kept.
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
    def is_as_raw_says(self) -> bool:
        """Whether the live tables hold what raw says: they are equal to the rebuilt ones, or are these."""
        return self.swapped or not self.different


def rebuild(
    settings: Settings,
    *,
    put_in_place: bool = True,
    force: bool = False,
    keep_side: bool = False,
    vault_dir: Path = VAULT_DIR,
) -> RebuildReport:
    """Build vault and marts beside the live ones, compare all tables, and swap if all are equal.

    `put_in_place`: False compares only. `force`: swap also when tables differ, as after a change of the hash
    rules or of a model. `keep_side`: leave the rebuilt datasets; they always stay when they differ and were
    not swapped. Should an earlier rebuild have been interrupted while it swapped, that is finished instead.

    Raises PermanentError when there is nothing to rebuild or a batch waits to be built, and as `dbt.build`.
    """
    client = connect(settings, "rebuild")
    with hold(client, settings, "rebuild", on_lost=interrupter()) as lease:
        rebuilds.ensure_tables(client, settings)
        begun = rebuilds.open_swap(client, settings)
        if begun and shadow_datasets.exists(client, settings, begun.rebuild_id):
            return _finish(client, settings, lease, begun.rebuild_id, keep_side, vault_dir)
        # without its side a begun swap leaves nothing to be equal to
        force = force or begun is not None
        batches = loaded_batches(client, settings, may_wait=force)
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
    """What one rebuild is to do, see `rebuild`."""

    rebuild_id: int
    batches: int
    put_in_place: bool
    force: bool
    keep_side: bool
    vault_dir: Path


def _rebuild(client: Client, settings: Settings, lease: Lease, task: _Task) -> RebuildReport:
    seconds: dict[str, float] = {}
    with timed("build", seconds, of="rebuild"):
        beside = shadow_datasets.make(client, settings, task.rebuild_id)
        dbt.build(beside, vault_dir=task.vault_dir, raw_prefix=settings.dataset_prefix)
        lease.check()
    with timed("compare", seconds, of="rebuild"):
        compared = compare(client, settings, beside)
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
            _swap(client, settings, beside, task.vault_dir, with_views=bool(different))
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
        side=beside.dataset_prefix if kept else None,
        seconds=seconds,
    )


def _finish(  # noqa: PLR0913, PLR0917 - the same as a rebuild is told
    client: Client, settings: Settings, lease: Lease, rebuild_id: int, keep_side: bool, vault_dir: Path
) -> RebuildReport:
    """Complete a swap that was interrupted: every table is put in place again, then compared."""
    logger.warning("rebuild %d was interrupted while it put its tables in place; finishing it", rebuild_id)
    seconds: dict[str, float] = {}
    beside = shadow_datasets.side_of(settings)
    with timed("swap", seconds, of="rebuild"):
        lease.confirm()
        _swap(client, settings, beside, vault_dir, with_views=True)
    with timed("compare", seconds, of="rebuild"):
        compared = compare(client, settings, beside)
        batches = loaded_batches(client, beside, may_wait=True)
    if not keep_side:
        shadow_datasets.drop(client, settings)
    return RebuildReport(
        rebuild_id,
        batches,
        compared,
        swapped=True,
        finished=True,
        side=beside.dataset_prefix if keep_side else None,
        seconds=seconds,
    )


def _swap(client: Client, live: Settings, beside: Settings, vault_dir: Path, *, with_views: bool) -> None:
    """Put every rebuilt table in place, the marts last, then what the ledger says of the vault."""
    ours, theirs = shapes(client, live), shapes(client, beside)
    filled: dict[Layer, list[tuple[str, list[str]]]] = defaultdict(list)
    for name, table in theirs.items():
        if table.is_view:
            continue
        if name in ours and may_refill(ours[name], table):
            filled[table.layer].append((table.name, list(table.columns)))
        else:
            swap.replace(client, live, beside, table.layer, table.name)
    for layer in LAYERS:
        swap.refill(client, live, beside, layer, filled[layer])
    if with_views:
        dbt.recreate_views(live, vault_dir=vault_dir)
    swap.take_marks(client, live, beside)
    rebuilds.mark_swaps_finished(client, live)


def may_refill(live: Shape, rebuilt: Shape) -> bool:
    """Tell whether a live table can hold the rows of the rebuilt one as it is."""
    return not live.is_view and live.columns == rebuilt.columns and live.layout == rebuilt.layout


def loaded_batches(client: Client, settings: Settings, *, may_wait: bool) -> int:
    """Return how many batches there are to rebuild from.

    Raises PermanentError when there are none or, unless it `may_wait`, when the live vault lacks one.
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
    waiting = [str(row["batch_id"]) for row in rows if not row["is_loaded"]]
    if waiting and not may_wait:
        raise PermanentError(
            f"batch {', '.join(waiting)} is not in the vault yet, so live and rebuilt could not be equal. "
            "Run `wwi build` first. If it refuses because hash rules or models have changed, "
            "`wwi rebuild --force` puts the rebuilt tables in place."
        )
    return len(rows)


def _proof(each: TableComparison) -> dict[str, object]:
    """One row of `rebuilt_tables`."""
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
