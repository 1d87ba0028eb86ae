"""What both local services share: an address file, an identity check for its process, a free port.

A service leaves `<home>/services/<name>.json` with its pid, the start time of that pid and what a client
needs to reach it. The file is only trusted while a process with that pid *and* that start time lives, so a
reused pid or a file left by a crash is recognised as stale.
"""

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from ingestion.processes import is_same_process
from metadata.errors import WwiError

Address = dict[str, Any]

PORT_ATTEMPTS = 3  # between looking for a free port and listening there, another program may take it


class ServiceError(WwiError):
    """A local service could not be started, reached or stopped."""


def address_file(home: Path, name: str) -> Path:
    """Return the path of the address file of the service `name` ("source" or "warehouse")."""
    return home / "services" / f"{name}.json"


def write_address(home: Path, name: str, pid: int, **details: Any) -> Address:
    """Write and return the address of a running service; the file is readable by its owner only."""
    started_at = psutil.Process(pid).create_time()
    address: Address = {"pid": pid, "started_at": started_at, **details}
    path = address_file(home, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(address, indent=2))
    draft.replace(path)
    return address


def read_address(home: Path, name: str) -> Address | None:
    """Return the address of the service if its process lives; drop a stale file and return None otherwise."""
    path = address_file(home, name)
    try:
        address: Address = json.loads(path.read_text())
        if is_same_process(address["pid"], address["started_at"]):
            return address
    except FileNotFoundError:
        return None
    except (ValueError, KeyError):
        pass  # half-written by a crash: as good as none
    path.unlink(missing_ok=True)
    return None


def remove_address(home: Path, name: str) -> None:
    """Forget the service's address."""
    address_file(home, name).unlink(missing_ok=True)


def free_port(preferred: int) -> int:
    """Return `preferred` when nothing listens there on loopback, else a free port of the system's choice."""
    for port in (preferred, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # a port in TIME_WAIT can be listened on again, as the servers themselves do
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServiceError("no free TCP port on 127.0.0.1: close some programs and try again")


def listens(pid: int, port: int) -> bool:
    """Tell whether it is this process that listens on the port: another one may have been quicker."""
    try:
        return any(
            each.status == psutil.CONN_LISTEN and each.laddr.port == port
            for each in psutil.Process(pid).net_connections(kind="tcp")
        )
    except psutil.NoSuchProcess:
        return False


def wait_until(ready: Callable[[], bool], *, alive: Callable[[], bool], timeout_s: float) -> bool:
    """Poll until `ready()`; return False when `alive()` ends or `timeout_s` seconds have passed."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if ready():
            return True
        if not alive():
            return False
        time.sleep(0.1)
    return False


def end_process(pid: int, started_at: float, *, timeout_s: float) -> None:
    """Ask the process to end, wait `timeout_s` seconds, then kill it. Nothing happens if it is gone."""
    if not is_same_process(pid, started_at):
        return
    process = psutil.Process(pid)
    process.terminate()
    try:
        process.wait(timeout_s)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(timeout_s)
