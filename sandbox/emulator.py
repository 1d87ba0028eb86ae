"""Run bqemulator without two costs that no setting of it reaches: `python -m sandbox.emulator start ...`.

Table copies. For time travel the emulator copies a whole table after every load job and every DML statement
on it: a daily load of a hundred tables would cost their history, not its batch. Nothing here travels in
time, for the vault keeps the history itself. CREATE SNAPSHOT TABLE still works.

Parsing. Each of its rewriting steps parses the statement again, a dozen times in all, and that is most of
what a small statement costs. The trees of the last texts are kept here; every step gets a copy of its own.
"""

from functools import lru_cache
from typing import Any

import sqlglot
from bqemulator.cli import main
from bqemulator.versioning.snapshots import SnapshotManager

# engine: speed
_capture = SnapshotManager.capture
_parse_one = sqlglot.parse_one
_tree = lru_cache(maxsize=64)(_parse_one)


def _capture_when_asked(self: SnapshotManager, *table: str, kind: str = "AUTO") -> Any:
    """Copy the table only for a statement that names a snapshot."""
    return None if kind == "AUTO" else _capture(self, *table, kind=kind)


def _parse_once(sql: str, read: Any = None, **options: Any) -> Any:
    """Return a tree of the statement that the caller may change."""
    if options or not isinstance(read, str):
        return _parse_one(sql, read=read, **options)
    return _tree(sql, read=read).copy()


SnapshotManager.capture = _capture_when_asked  # type: ignore[assignment, method-assign]
sqlglot.parse_one = _parse_once  # type: ignore[assignment]

if __name__ == "__main__":
    main()
