"""Parse the time of an as-of query as users write it: a time, a day, or a batch.

As-of queries use load time (`load_dts`), in UTC; see docs/adr/0005-two-time-lines.md.
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
FORMATS = "Give a time (2026-05-31T18:00, UTC unless it has a zone), a day (its end), or batch:3."


@dataclass(frozen=True)
class Load:
    """A batch in the vault: its ID, its load time (UTC), and the time of the source."""

    batch_id: int
    load_dts: datetime
    applied_dts: datetime | None


@dataclass(frozen=True)
class AsOf:
    """The time of an as-of query (UTC), and the last load at or before it."""

    at: datetime
    load: Load


def loads(client: bigquery.Client, settings: Settings) -> tuple[Load, ...]:
    """Return the batches in the vault, ordered by load time. Raises PermanentError if there are none."""
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
        raise PermanentError("there is no history yet: the vault contains no batch. Run `wwi run`.")
    return tuple(Load(**row) for row in rows)


def parse_as_of(text: str, known: Sequence[Load]) -> AsOf:
    """Parse a time, a day or `batch:<ID>`, given the loads in order.

    Raises PermanentError for an invalid time, an unknown batch, or a time before the first load.
    """
    batch = BATCH.fullmatch(text.strip())
    if batch:
        found = next((load for load in known if load.batch_id == int(batch[1])), None)
        if found is None:
            raise PermanentError(f"the vault contains no batch {batch[1]}. {_listed(known)}")
        return AsOf(found.load_dts, found)
    at = parse_time(text)
    before = [load for load in known if load.load_dts <= at]
    if not before:
        raise PermanentError(_before_first_load(at, known))
    return AsOf(at, before[-1])


def parse_time(text: str) -> datetime:
    """Parse a time and return it in UTC. A day means its end; a time without a zone is UTC."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip()):
            return datetime.combine(date.fromisoformat(text.strip()), time.max, UTC)
        at = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise PermanentError(f"'{text}' is not a valid time. {FORMATS}") from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _before_first_load(at: datetime, known: Sequence[Load]) -> str:
    """Explain load time to a user who most likely gave a business date, and suggest its batch."""
    local = at.replace(tzinfo=None)
    read_by_then = [load for load in known if load.applied_dts and load.applied_dts <= local]
    first, suggested = known[0], read_by_then[-1] if read_by_then else known[0]
    applied_dts = suggested.applied_dts
    clock = f" (read at business time {applied_dts:%Y-%m-%d %H:%M:%S})" if applied_dts else ""
    return (
        f"nothing was loaded yet at {at:%Y-%m-%d %H:%M:%S} UTC: the first batch was loaded at "
        f"{first.load_dts:%Y-%m-%d %H:%M:%S} UTC. T is load time (when the warehouse loaded a row), not a "
        f"business date. For that business date, use batch:{suggested.batch_id}{clock} as T. {_listed(known)}"
    )


def _listed(known: Sequence[Load]) -> str:
    """List the first loads and the last one."""
    shown = [*known[: SHOWN - 1], known[-1]] if len(known) > SHOWN else known
    labels = [f"batch:{load.batch_id} at {load.load_dts:%Y-%m-%d %H:%M:%S}" for load in shown]
    if len(known) > SHOWN:
        labels.insert(-1, "...")
    return f"Batches (load time, UTC): {', '.join(labels)}."
