"""What both local services share: an address file, an identity check for its process, a free port.

A service leaves `<home>/services/<name>.json` with its process (config/processes.py) and what a client
needs to reach it. The file only counts while exactly that process runs, so a reused pid or a file left by a
crash is recognised as stale. A service that runs but does not answer is never ended here: the cause may be on
our side.
"""

import json
import socket
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from config.processes import Process, is_running, running_process
from metadata.errors import WwiError

Address = dict[str, Any]

ANSWER_TIMEOUT_S = 15
PORT_ATTEMPTS = 3  # between looking for a free port and listening there, another program may take it


class ServiceError(WwiError):
    """A local service could not be started, reached or stopped."""


def address_file(home: Path, name: str) -> Path:
    """Return the path of the address file of the service `name` ("source" or "warehouse")."""
    return home / "services" / f"{name}.json"


def write_address(home: Path, name: str, pid: int, **details: Any) -> Address:
    """Write and return the address of a running service; the file is readable by its owner only."""
    address: Address = {**asdict(running_process(pid)), **details}
    path = address_file(home, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(address, indent=2))
    draft.replace(path)
    return address


def read_address(home: Path, name: str) -> Address | None:
    """Return the address of the service if its process runs; drop a stale file and return None otherwise."""
    path = address_file(home, name)
    try:
        address: Address = json.loads(path.read_text())
        if runs(address):
            return address
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        pass  # half-written by a crash: as good as none
    path.unlink(missing_ok=True)
    return None


def runs(address: Address) -> bool:
    """Return whether the process of the service runs."""
    if "start_ticks" not in address:  # written by an earlier version, whose start times a clock step moves
        listening = "port" not in address or listens(address["pid"], address["port"])
        return psutil.pid_exists(address["pid"]) and listening
    return is_running(_process(address))


def _process(address: Address) -> Process:
    return Process(
        address["host"], address["machine"], address["pid"], address["started_at"], address["start_ticks"]
    )


def answers_in_time(address: Address, answers: Callable[[], bool], stop_command: str) -> bool:
    """Wait for a running service to answer; return False when it ends meanwhile.

    Raises ServiceError when it goes on running without an answer.
    """
    if wait_until(answers, alive=lambda: runs(address), timeout_s=ANSWER_TIMEOUT_S):
        return True
    if not runs(address):
        return False
    raise ServiceError(
        f"process {address['pid']} runs, but did not answer on 127.0.0.1:{address['port']} within "
        f"{ANSWER_TIMEOUT_S} s. It was left running, because others may be using it. "
        f"Try again, or stop it with `{stop_command}`."
    )


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
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # of another user: not ours
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


def end_process(address: Address, *, timeout_s: float) -> None:
    """Ask the service's process to end, wait `timeout_s` seconds, then kill it; it may have ended already."""
    if not runs(address):
        return
    process = psutil.Process(address["pid"])
    process.terminate()
    try:
        process.wait(timeout_s)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(timeout_s)
