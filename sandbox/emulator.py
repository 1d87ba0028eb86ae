"""Run bqemulator without its automatic table copies: `python -m sandbox.emulator start ...`.

For time travel the emulator copies a whole table after every load job and every DML statement on it, and no
setting switches that off: a daily load of a hundred tables would cost their history, not its batch. Nothing
here travels in time, for the vault keeps the history itself. CREATE SNAPSHOT TABLE still works.
"""

from typing import Any

from bqemulator.cli import main
from bqemulator.versioning.snapshots import SnapshotManager

_capture = SnapshotManager.capture


def _capture_when_asked(self: SnapshotManager, *table: str, kind: str = "AUTO") -> Any:
    """Copy the table only for a statement that names a snapshot."""
    return None if kind == "AUTO" else _capture(self, *table, kind=kind)


SnapshotManager.capture = _capture_when_asked  # type: ignore[assignment, method-assign]

if __name__ == "__main__":
    main()
