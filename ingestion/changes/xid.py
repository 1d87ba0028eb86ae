"""Decides, without touching anything, what to read of a table and whether that can be right.

A row is changed since the previous batch when the transaction that wrote it (its `xmin`) was not yet over
when that batch took its snapshot. Every such transaction has an id of at least the snapshot's xmin and less
than the xmax of the present one. Some in that range were over already. The list of running transactions in
the snapshot cannot tell which: it names no subtransactions (savepoints), whose rows carry ids of their own.
But what a batch saw was over: so each batch notes the ids in that range that it met, and the next leaves
them out. What remains is exactly what changed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ingestion.read_window import Snapshot, Window, Xids
from ingestion.source.identity import Identity, reasons

# Postgres compares 32-bit transaction ids on a circle: beyond half of it, older looks like newer.
COMPARABLE_TRANSACTIONS = 2**31 - 1


# More than these fit no statement; a source that ends so many beside one that stays open is read again
MAX_ENDED = 20_000


TOO_MANY_ENDED = "too many transactions had ended beside an open one"


# why an incremental read took a row, when it was for no other reason
CHANGED_ROWS = "changed rows"


SHRINK_SHARE = 0.3


SHRINK_MIN_ROWS = 100


@dataclass(frozen=True)
class Previous:
    """The last completed batch that loaded a table: its snapshot and how many rows the source had then.

    `columns`: those that it loaded, name -> Postgres type; None when the ledger does not tell.
    `ended`: the transactions from the snapshot's xmin on whose rows it saw, by their low 32 bits as in a
    row's xmin; None when they were too many to note. `identity`: None when an older release wrote it.
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
    previous: Previous | None, now: Snapshot, source_system: str, identity: Identity, *, full: bool
) -> Window:
    """Return the window to read next; a full one whenever transaction ids do not show all that changed.

    Rule: the module's docstring, and ingestion/source/identity.py for changes that no transaction id shows.
    """
    if previous is None:
        return Window("full", "first load")
    why_all = "asked for" if full else _why_all(previous, now, source_system, identity)
    if why_all:
        return Window("full", why_all)
    reason = CHANGED_ROWS
    if previous.ended is None:
        reason = f"{CHANGED_ROWS}, and some again: {TOO_MANY_ENDED}"
    return Window(
        "incremental", reason, Xids(previous.snapshot.xmin, now.xmax, previous.ended or frozenset())
    )


def _why_all(previous: Previous, now: Snapshot, source_system: str, identity: Identity) -> str | None:
    """Why the whole table must be read; None when the changed rows will do."""
    if previous.source_system != source_system:
        return f"another source: {source_system} instead of {previous.source_system}"
    if previous.snapshot.xmax > now.xmax:
        return "the source is behind the previous batch: it was restored or failed over"
    if now.xmax - previous.snapshot.xmin >= COMPARABLE_TRANSACTIONS:
        return "too many transactions since the previous batch"
    known = previous.columns
    if known is not None and (new := [name for name in identity.columns if name not in known]):
        # a column comes with values in rows that nobody wrote: its default, or what it held all along
        return f"new columns: {', '.join(new)}"
    return reasons(previous.identity, identity, previous.snapshot.xmax)


def unfinished_range(now: Snapshot) -> Xids | None:
    """The range in which some transactions are over and some are not; None when all are."""
    return Xids(now.xmin, now.xmax) if now.xmin < now.xmax else None


def ended_to_text(ended: Iterable[int]) -> str | None:
    """Return the ids as the ledger keeps them; None when they are too many for it."""
    ids = sorted(set(ended))
    return ",".join(map(str, ids)) if len(ids) <= MAX_ENDED else None


def ended_from_text(text: str | None) -> frozenset[int] | None:
    """Read what `ended_to_text` wrote."""
    return None if text is None else frozenset(int(each) for each in text.split(",") if each)


def has_shrunk(before: int, lost: int) -> bool:
    """Tell whether a table of `before` rows lost so many that a person should look first.

    All of them, or more than 30 % of at least 100.
    """
    if before == 0 or lost <= 0:
        return False
    return lost >= before or (before >= SHRINK_MIN_ROWS and lost > SHRINK_SHARE * before)
