"""Decides, without touching anything, what to read of a table and whether that can be right.

A row is changed since the previous batch when the transaction that wrote it (its `xmin`) was not yet over
when that batch took its snapshot. Every such transaction has an id of at least the snapshot's xmin, so all
rows from that id on are read. That is a superset: it also holds rows of transactions that were over already.
The list of running transactions in the snapshot could sort those out, but it names no subtransactions
(savepoints), whose rows carry ids of their own; reading a row twice does no harm, missing one would.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Mode = Literal["full", "incremental"]

# Postgres compares 32-bit transaction ids on a circle: beyond half of it, older looks like newer.
COMPARABLE_TRANSACTIONS = 2**31 - 1

SHRINK_SHARE = 0.3
SHRINK_MIN_ROWS = 100


@dataclass(frozen=True)
class Snapshot:
    """A Postgres snapshot: ids below `xmin` are over, ids from `xmax` on had not begun. Both are 64 bit."""

    text: str
    xmin: int
    xmax: int

    @classmethod
    def parse(cls, text: str) -> "Snapshot":
        """Read `xmin:xmax:running,...`, the form of pg_current_snapshot()."""
        xmin, xmax, _ = text.split(":")
        return cls(text, int(xmin), int(xmax))


@dataclass(frozen=True)
class Previous:
    """The last completed batch that loaded a table: its snapshot and how many rows the source had then."""

    batch_id: int
    load_dts: datetime
    source_system: str
    snapshot: Snapshot
    rows: int


@dataclass(frozen=True)
class Window:
    """What to read: everything, or the rows written by transactions from `from_xid` on; and why."""

    mode: Mode
    reason: str
    from_xid: int | None = None


def plan_window(previous: Previous | None, now: Snapshot, source_system: str, *, full: bool) -> Window:
    """Return the window to read next; a full one whenever transaction ids cannot be trusted.

    Rule: the module's docstring.
    """
    if previous is None:
        return Window("full", "first load")
    if full:
        return Window("full", "asked for")
    if previous.source_system != source_system:
        return Window("full", f"another source: {source_system} instead of {previous.source_system}")
    if previous.snapshot.xmax > now.xmax:
        return Window("full", "the source is behind the previous batch: it was restored or failed over")
    if now.xmax - previous.snapshot.xmin >= COMPARABLE_TRANSACTIONS:
        return Window("full", "too many transactions since the previous batch")
    return Window("incremental", "changed rows", previous.snapshot.xmin)


def has_shrunk(before: int, lost: int) -> bool:
    """Tell whether a table of `before` rows lost so many that a person should look first.

    All of them, or more than 30 % of at least 100.
    """
    if before == 0 or lost <= 0:
        return False
    return lost >= before or (before >= SHRINK_MIN_ROWS and lost > SHRINK_SHARE * before)
