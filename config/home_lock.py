"""Allow one run at a time per home folder, with a lock that the system releases when its process dies.

It protects the staged files and the key cache on this disk. A lease protects the warehouse
(warehouse/lease.py): runs for two warehouses may share a home, and runs from two homes may share a warehouse.
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

    Raises PermanentError, with the process that holds the lock, if it is taken.
    """
    keep_private(home)
    home.mkdir(parents=True, exist_ok=True)
    path = home / f"{name}.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PermanentError(f"{_holder(path)} Wait until it ends, or stop that process.") from None
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
