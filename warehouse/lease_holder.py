"""Who holds the lease of the warehouse, or held it last."""

from dataclasses import dataclass
from datetime import datetime

from google.cloud.bigquery import Client

from config.errors import MissingInWarehouseError
from config.processes import Process, has_ended, this_process
from config.settings import Settings
from warehouse.ledger.tables import table_name
from warehouse.queries import query

NAME = "load"


# What this process holds. A row of ours that is not here was left by a step that lost the warehouse.
held_here: set[str] = set()


@dataclass(frozen=True)
class Holder:
    """Who holds the lease, or held it last: its id, for which step, and the process.

    The times are the warehouse's, and by its clock `is_live` tells whether the lease still lasts.
    """

    holder: str
    step: str
    process: Process
    acquired_at: datetime
    expires_at: datetime
    is_live: bool

    def __str__(self) -> str:
        return (
            f"{self.step}, process {self.process.pid} on {self.process.host} "
            f"since {self.acquired_at:%Y-%m-%d %H:%M:%S} UTC"
        )


def current(client: Client, settings: Settings) -> Holder | None:
    """Return who holds the lease, or held it last; None when there is no lease yet."""
    rows = query(
        client,
        f"select *, expires_at > current_timestamp() as is_live from {table_name(settings, 'leases')} "
        f"where name = '{NAME}' order by expires_at desc limit 1",
        timeout_s=settings.query_timeout_s,
    )
    if not rows:
        return None
    row = rows[0]
    return Holder(
        holder=row["holder"],
        step=row["step"] or "",
        process=Process(
            row["host"] or "",
            row["machine"] or "",
            row["pid"] or 0,
            row["started_at"] or 0.0,
            row.get("start_ticks") or None,  # not there in a warehouse of an earlier version
        ),
        acquired_at=row["acquired_at"] or row["expires_at"],
        expires_at=row["expires_at"],
        is_live=row["is_live"],
    )


def at_work(client: Client, settings: Settings) -> Holder | None:
    """Return the run that writes to the warehouse now; None when there is none, or it is gone."""
    try:
        found = current(client, settings)
    except MissingInWarehouseError:
        return None  # nothing was ever loaded
    if found is None or not found.is_live or is_abandoned(found, this_process()):
        return None
    return found


def is_abandoned(found: Holder, here: Process) -> bool:
    """Tell whether nobody will renew the lease or give it up: its process has ended, or has forgotten it."""
    there = found.process
    if here.machine and (there.host, there.machine, there.pid) == (here.host, here.machine, here.pid):
        return found.holder not in held_here
    return has_ended(there)
