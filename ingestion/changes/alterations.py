"""Detect whether the source altered tables while a batch read them; such a batch must run again.

Table locks do not prevent a renamed enum label, an attached partition or a renamed schema.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from config.errors import PermanentError, TransientError
from ingestion.source import catalog
from ingestion.source.drift import LiveTable
from ingestion.source.identity import is_altered
from ingestion.source.login import Connection
from metadata.spec import Table


def check_unchanged(before: Mapping[str, LiveTable], now: Mapping[str, LiveTable]) -> None:
    """Raise TransientError that lists the tables that differ."""
    _raise_if_any(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


@contextmanager
def fail_if_altered(
    coordinator: Connection, tables: Sequence[Table], before: Mapping[str, LiveTable], since: int
) -> Iterator[None]:
    """Raise TransientError if the tables may have been altered while the block read them.

    A permanent error of the block is raised only if nothing was altered, because an alteration would explain
    it. `since`: no transaction from this id on had begun when the snapshot was taken.
    """
    try:
        yield
    except PermanentError:
        _check(coordinator, tables, before, since)
        raise
    _check(coordinator, tables, before, since)


def _check(
    coordinator: Connection, tables: Sequence[Table], before: Mapping[str, LiveTable], since: int
) -> None:
    now = catalog.live_tables(coordinator, tables)
    _raise_if_any(
        table.qualified
        for table in tables
        if table.qualified not in now
        or is_altered(before[table.qualified].structure, now[table.qualified].structure, table, since)
    )


def _raise_if_any(names: Iterable[str]) -> None:
    altered = ", ".join(sorted(names))
    if altered:
        raise TransientError(
            f"the source altered {altered} while this batch was reading. Nothing was loaded. Run again."
        )
