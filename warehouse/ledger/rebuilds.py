"""The ledger of rebuilds: what was proven when, and whether a swap was left half done.

A rebuild goes from 'building' to 'equal' or 'different', and from there to 'swapping' and 'swapped' when its
tables take the place of the live ones; 'failed' is one that an error ended before. Only 'swapping' matters
to others: until it is finished the live tables may be a mixture of old and new ones, on which no build may
add anything.
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
    """A rebuild whose tables are being put in place, or that was interrupted at it."""

    rebuild_id: int
    started_at: datetime


def ensure_tables(client: Client, settings: Settings) -> None:
    """Make the tables of this ledger, or add the columns that they lack."""
    for name in TABLES:
        ensure_table(client, layout(settings, name))


def begin(client: Client, settings: Settings) -> int:
    """Record a rebuild that begins and return its number."""
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
    """Write the proof, a row for each table (see `rebuilt_tables`), and whether all of them are equal."""
    rows = [{"rebuild_id": rebuild_id, **table} for table in tables]
    execute(client, insert(settings, "rebuilt_tables", rows), timeout_s=settings.query_timeout_s)
    status = "different" if different else "equal"
    assignments = f"batches = {batches}, tables = {len(tables)}, tables_different = {different}"
    _update(client, settings, rebuild_id, f"status = '{status}', {assignments}")


def set_status(client: Client, settings: Settings, rebuild_id: int, status: Status) -> None:
    """Move a rebuild on."""
    _update(client, settings, rebuild_id, f"status = '{status}'")


def give_up(client: Client, settings: Settings, rebuild_id: int, reason: str) -> None:
    """Mark a rebuild failed unless its swap has begun. The error matters more than this note of it."""
    text = string_literal(reason[:1000])
    try:
        _update(
            client, settings, rebuild_id, f"status = 'failed', error = {text}", "and status != 'swapping'"
        )
    except WwiError:
        logger.warning("rebuild %s could not be marked failed", rebuild_id)


def open_swap(client: Client, settings: Settings) -> OpenSwap | None:
    """Return the newest rebuild whose swap was begun and not finished; None when there is none."""
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


def refuse_open_swap(client: Client, settings: Settings) -> None:
    """Raise PermanentError while the live tables may be a mixture of two states."""
    found = open_swap(client, settings)
    if found is not None:
        raise PermanentError(
            f"rebuild {found.rebuild_id} of {found.started_at:%Y-%m-%d %H:%M} UTC was interrupted while it "
            f"put its tables in place, so those of {settings.dataset('raw_vault')} may not fit together. "
            "Run `wwi rebuild`: it finishes what was begun."
        )


def close_swaps(client: Client, settings: Settings) -> None:
    """Mark every begun swap as done: the tables are whole again."""
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
