"""The ledger of rebuilds: their results, and whether a swap was interrupted.

Status 'building' is followed by 'equal' or 'different', then by 'swapping' and 'swapped' when the rebuilt
tables replace the live ones; 'failed': an error ended the rebuild before. While a rebuild is 'swapping', the
live tables may be a mixture of old and new ones, so no build may run.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Literal

from google.cloud.bigquery import Client

from config.errors import MissingInWarehouseError, PermanentError
from config.settings import Settings
from metadata.errors import WwiError
from warehouse.ledger.tables import insert, layout, string_literal, table_name
from warehouse.queries import execute, query
from warehouse.tables import ensure_table

logger = logging.getLogger(__name__)

Status = Literal["building", "equal", "different", "swapping", "swapped", "failed"]
TABLES = ("rebuilds", "rebuilt_tables")


@dataclass(frozen=True)
class OpenSwap:
    """A rebuild that is swapping its tables, or was interrupted while doing so."""

    rebuild_id: int
    started_at: datetime


def ensure_tables(client: Client, settings: Settings) -> None:
    """Create the tables of rebuilds, or add missing columns."""
    for name in TABLES:
        ensure_table(client, layout(settings, name))


def record_start(client: Client, settings: Settings) -> int:
    """Record that a rebuild has started and return its id."""
    table = table_name(settings, "rebuilds")
    found = query(
        client,
        f"select coalesce(max(rebuild_id), 0) as newest from {table}",
        timeout_s=settings.query_timeout_s,
    )
    rebuild_id = int(found[0]["newest"]) + 1 if found else 1
    row = {
        "rebuild_id": rebuild_id,
        "started_at": datetime.now(UTC),
        "status": "building",
        "code_version": version("wwi-vault"),
    }
    execute(client, insert(settings, "rebuilds", [row]), timeout_s=settings.query_timeout_s)
    return rebuild_id


def record_proof(  # noqa: PLR0913 - a rebuild and what was found
    client: Client,
    settings: Settings,
    rebuild_id: int,
    *,
    batches: int,
    different: int,
    tables: Sequence[dict[str, Any]],
) -> None:
    """Record the comparison, one row per table in `rebuilt_tables`, and whether all tables are equal."""
    rows = [{"rebuild_id": rebuild_id, **table} for table in tables]
    execute(client, insert(settings, "rebuilt_tables", rows), timeout_s=settings.query_timeout_s)
    status = "different" if different else "equal"
    assignments = f"batches = {batches}, tables = {len(tables)}, tables_different = {different}"
    _update(client, settings, rebuild_id, f"status = '{status}', {assignments}")


def set_status(client: Client, settings: Settings, rebuild_id: int, status: Status) -> None:
    """Set the status of a rebuild."""
    _update(client, settings, rebuild_id, f"status = '{status}'")


def mark_failed(client: Client, settings: Settings, rebuild_id: int, reason: str) -> None:
    """Mark a rebuild as failed unless its swap has started. Never raises: the caller has an error already."""
    text = string_literal(reason[:1000])
    try:
        _update(
            client, settings, rebuild_id, f"status = 'failed', error = {text}", "and status != 'swapping'"
        )
    except WwiError:
        logger.warning("could not mark rebuild %s as failed", rebuild_id)


def open_swap(client: Client, settings: Settings) -> OpenSwap | None:
    """Return the newest rebuild with an unfinished swap; None when there is none."""
    try:
        rows = query(
            client,
            f"select rebuild_id, started_at from {table_name(settings, 'rebuilds')} "
            "where status = 'swapping' order by rebuild_id desc limit 1",
            timeout_s=settings.query_timeout_s,
        )
    except MissingInWarehouseError:
        return None
    return OpenSwap(rows[0]["rebuild_id"], rows[0]["started_at"]) if rows else None


def fail_on_open_swap(client: Client, settings: Settings) -> None:
    """Raise PermanentError while the live tables may be a mixture of two states."""
    found = open_swap(client, settings)
    if found is not None:
        raise PermanentError(
            f"rebuild {found.rebuild_id} of {found.started_at:%Y-%m-%d %H:%M} UTC was interrupted while it "
            f"swapped its tables, so the tables of {settings.dataset('raw_vault')} may be inconsistent. "
            "Run `wwi rebuild`: it finishes the swap."
        )


def mark_swaps_finished(client: Client, settings: Settings) -> None:
    """Mark every started swap as finished."""
    table = table_name(settings, "rebuilds")
    execute(
        client,
        f"update {table} set status = 'swapped', finished_at = current_timestamp() where status = 'swapping'",
        timeout_s=settings.query_timeout_s,
    )


def _update(
    client: Client, settings: Settings, rebuild_id: int, assignments: str, condition: str = ""
) -> None:
    table = table_name(settings, "rebuilds")
    execute(
        client,
        f"update {table} set {assignments}, finished_at = current_timestamp() "
        f"where rebuild_id = {rebuild_id} {condition}",
        timeout_s=settings.query_timeout_s,
    )
