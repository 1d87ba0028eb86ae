"""A moment that is asked about, as people write it: a time, a day, or a batch.

What was known is told by `load_dts`, the time of a batch, in UTC (docs/adr/0005-two-time-lines.md).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from google.cloud import bigquery

from config.errors import MissingInWarehouseError, PermanentError
from config.settings import Settings
from warehouse.ledger.tables import COMPLETED, table_name
from warehouse.queries import query

BATCH = re.compile(r"batch:(\d+)")
SHOWN = 5
HOW = "Give a time (2026-05-31T18:00, UTC unless it has a zone), a day (its end), or batch:3."


@dataclass(frozen=True)
class Load:
    """A batch that the vault holds: its number, its time (UTC), and what the source's own clock said."""

    batch_id: int
    load_dts: datetime
    applied_dts: datetime | None


@dataclass(frozen=True)
class Moment:
    """A time (UTC), and the last load before or at it: what was known then."""

    at: datetime
    load: Load


def loads(client: bigquery.Client, settings: Settings) -> tuple[Load, ...]:
    """Return the batches that the vault holds, in their order. Raises PermanentError before the first."""
    try:
        rows = query(
            client,
            f"""
            select
                batch_id,
                load_dts,
                applied_dts
            from {table_name(settings, "batches")}
            where
                status = '{COMPLETED}'
                and batch_id in (select batch_id from {table_name(settings, "vault_loads")})
            order by load_dts
            """,
            timeout_s=settings.query_timeout_s,
        )
    except MissingInWarehouseError:
        rows = []
    if not rows:
        raise PermanentError("nothing is known yet: the vault holds no batch. Run `wwi run`.")
    return tuple(Load(**row) for row in rows)


def moment(text: str, known: Sequence[Load]) -> Moment:
    """Return the moment that a text means, given the loads in their order.

    Raises PermanentError for a text that means none, an unknown batch, or a time before the first load.
    """
    batch = BATCH.fullmatch(text.strip())
    if batch:
        found = next((load for load in known if load.batch_id == int(batch[1])), None)
        if found is None:
            raise PermanentError(f"the vault holds no batch {batch[1]}. {_listed(known)}")
        return Moment(found.load_dts, found)
    at = parsed(text)
    before = [load for load in known if load.load_dts <= at]
    if not before:
        raise PermanentError(_before_first_load(at, known))
    return Moment(at, before[-1])


def parsed(text: str) -> datetime:
    """Return the time in UTC. A day alone is its end; a time without a zone is UTC."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip()):
            return datetime.combine(date.fromisoformat(text.strip()), time.max, UTC)
        at = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise PermanentError(f"'{text}' is not a valid time. {HOW}") from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _before_first_load(at: datetime, known: Sequence[Load]) -> str:
    """Explain load time to a person who most likely gave a business date, and offer its batch."""
    local = at.replace(tzinfo=None)
    read_by_then = [load for load in known if load.applied_dts and load.applied_dts <= local]
    first, offered = known[0], read_by_then[-1] if read_by_then else known[0]
    clock = f", read at business time {offered.applied_dts:%Y-%m-%d %H:%M:%S}" if offered.applied_dts else ""
    return (
        f"nothing was loaded yet at {at:%Y-%m-%d %H:%M:%S} UTC: the first batch was loaded at "
        f"{first.load_dts:%Y-%m-%d %H:%M:%S} UTC. T is load time, when the warehouse learned a row, not its "
        f"business date. The nearest for that business date is batch:{offered.batch_id}{clock}: give that as "
        f"T. {_listed(known)}"
    )


def _listed(known: Sequence[Load]) -> str:
    """The loads in words: the first ones and the last."""
    shown = [*known[: SHOWN - 1], known[-1]] if len(known) > SHOWN else known
    labels = [f"batch:{load.batch_id} at {load.load_dts:%Y-%m-%d %H:%M:%S}" for load in shown]
    if len(known) > SHOWN:
        labels.insert(-1, "...")
    return f"Batches (load time, UTC): {', '.join(labels)}."
