"""Detect changes by transaction id: decide what to read of a table, without any I/O.

A row has changed since the previous batch if the transaction that wrote it (its `xmin`) had not ended when
that batch took its snapshot. The id of such a transaction is at least the xmin of that snapshot, and less
than the xmax of the current one. Some transactions in this range had ended already. The snapshot's list of
running transactions does not say which, because it omits subtransactions (savepoints), whose rows have their
own ids. But every row that a batch saw was written by an ended transaction. So each batch records the ids in
the range that it saw, and the next batch excludes them. The rest is exactly what changed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ingestion.read_window import Snapshot, Window, Xids
from ingestion.source.identity import Identity, full_read_reason

# Postgres compares 32-bit transaction ids modulo 2^32: beyond half of that, older looks newer.
COMPARABLE_TRANSACTIONS = 2**31 - 1


# A statement cannot contain more ids. If there are more, the next batch reads some rows again.
MAX_ENDED = 20_000


TOO_MANY_ENDED = "too many transactions ended while another one was open"


# the reason of an incremental read without any other reason; stored in the ledger and compared
CHANGED_ROWS = "changed rows"


SHRINK_SHARE = 0.3


SHRINK_MIN_ROWS = 100


@dataclass(frozen=True)
class PreviousLoad:
    """The last completed load of a table: its snapshot and how many rows the source had then.

    `columns`: the loaded columns, name -> Postgres type; None if the ledger does not contain them. `ended`:
    ids (low 32 bits, as in xmin) from the snapshot's xmin on whose rows it saw; None if there were too many
    to record. `identity`: None if an older release wrote it.
    """

    batch_id: int
    load_dts: datetime
    source_system: str
    snapshot: Snapshot
    rows: int
    ended: frozenset[int] | None = frozenset()
    columns: Mapping[str, str] | None = None
    identity: Identity | None = None


def plan_window(
    previous: PreviousLoad | None, now: Snapshot, source_system: str, identity: Identity, *, full: bool
) -> Window:
    """Return the window to read next; a full one if transaction ids do not show all changes.

    See the module docstring, and ingestion/source/identity.py for changes that no transaction id shows.
    """
    if previous is None:
        return Window("full", "first load")
    full_reason = "asked for" if full else _full_read_reason(previous, now, source_system, identity)
    if full_reason:
        return Window("full", full_reason)
    reason = CHANGED_ROWS
    if previous.ended is None:
        reason = f"{CHANGED_ROWS}, and some again: {TOO_MANY_ENDED}"
    return Window(
        "incremental", reason, Xids(previous.snapshot.xmin, now.xmax, previous.ended or frozenset())
    )


def _full_read_reason(
    previous: PreviousLoad, now: Snapshot, source_system: str, identity: Identity
) -> str | None:
    """Return why the whole table must be read; None if reading the changed rows is enough."""
    if previous.source_system != source_system:
        return f"another source: {source_system} instead of {previous.source_system}"
    if previous.snapshot.xmax > now.xmax:
        return "the source is behind the previous batch: it was restored or failed over"
    if now.xmax - previous.snapshot.xmin >= COMPARABLE_TRANSACTIONS:
        return "too many transactions since the previous batch"
    known = previous.columns
    if known is not None and (new := [name for name in identity.columns if name not in known]):
        # rows that no transaction wrote have values in a new column: its default, or values not loaded before
        return f"new columns: {', '.join(new)}"
    return full_read_reason(previous.identity, identity, previous.snapshot.xmax)


def unfinished_range(now: Snapshot) -> Xids | None:
    """Return the range of ids in which some transactions have not ended; None if all have."""
    return Xids(now.xmin, now.xmax) if now.xmin < now.xmax else None


def ended_to_text(ended: Iterable[int]) -> str | None:
    """Return the ids as text for the ledger; None if there are too many."""
    ids = sorted(set(ended))
    return ",".join(map(str, ids)) if len(ids) <= MAX_ENDED else None


def ended_from_text(text: str | None) -> frozenset[int] | None:
    """Parse the text that `ended_to_text` returned."""
    return None if text is None else frozenset(int(each) for each in text.split(",") if each)


def has_shrunk(before: int, lost: int) -> bool:
    """Return whether a table of `before` rows lost so many that a person should check first.

    That is all of them, or more than 30 % of at least 100.
    """
    if before == 0 or lost <= 0:
        return False
    return lost >= before or (before >= SHRINK_MIN_ROWS and lost > SHRINK_SHARE * before)
