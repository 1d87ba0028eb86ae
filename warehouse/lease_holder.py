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


# Ids of the leases that this process holds. Any other id of this process is of a step that lost its lease.
own_lease_ids: set[str] = set()


@dataclass(frozen=True)
class Holder:
    """The current or last holder of the lease: id, step and process.

    Times are those of the warehouse. `is_live`: the lease has not expired by the warehouse's clock.
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
    """Return the current or last holder of the lease; None when there is no lease yet."""
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
            row.get("start_ticks") or None,  # missing in a warehouse of an earlier version
        ),
        acquired_at=row["acquired_at"] or row["expires_at"],
        expires_at=row["expires_at"],
        is_live=row["is_live"],
    )


def active_holder(client: Client, settings: Settings) -> Holder | None:
    """Return the run that writes to the warehouse now; None when there is none or its process has ended."""
    try:
        found = current(client, settings)
    except MissingInWarehouseError:
        return None  # nothing was ever loaded
    if found is None or not found.is_live or is_abandoned(found, this_process()):
        return None
    return found


def is_abandoned(found: Holder, here: Process) -> bool:
    """Return whether nobody will renew or release the lease: its process has ended or dropped it."""
    there = found.process
    if here.machine and (there.host, there.machine, there.pid) == (here.host, here.machine, here.pid):
        return found.holder not in own_lease_ids
    return has_ended(there)
