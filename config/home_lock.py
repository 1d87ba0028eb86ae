"""One run at a time per home folder, by a lock that the system releases when its holder dies.

It guards the spool and the key cache on this disk. The warehouse is guarded by its lease, warehouse/lease.py:
runs for two warehouses may share a home, and runs from two homes a warehouse.
"""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from config.errors import PermanentError
from config.private_files import keep_private


@contextmanager
def run_lock(home: Path, name: str = "run") -> Iterator[None]:
    """Hold `<home>/<name>.lock` while the block runs.

    Raises PermanentError naming the process that holds it already.
    """
    keep_private(home)
    home.mkdir(parents=True, exist_ok=True)
    path = home / f"{name}.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PermanentError(f"{_holder(path)} Wait for it to end, or end that process.") from None
        file.truncate(0)
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now(UTC).isoformat()}
        file.write(json.dumps(holder))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text())
        return f"another run is at work: process {holder['pid']} on {holder['host']} since {holder['since']}."
    except (ValueError, KeyError):
        return f"another run is at work and holds {path}."
