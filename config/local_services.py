"""Manage the local services: their address files, processes and ports.

A service writes `<home>/services/<name>.json` with its process (config/processes.py) and how to connect to
it. The file is valid only while exactly that process runs, so a reused pid or a file left after a crash is
recognised as stale. A service that runs but does not answer is never stopped here: the cause may be on our
side.
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
PORT_ATTEMPTS = 3  # another program may take a free port before the service listens on it


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
        pass  # half-written because of a crash
    path.unlink(missing_ok=True)
    return None


def runs(address: Address) -> bool:
    """Return whether the process of the service runs."""
    if "start_ticks" not in address:  # an earlier version wrote it, with start times that depend on the clock
        listening = "port" not in address or listens(address["pid"], address["port"])
        return psutil.pid_exists(address["pid"]) and listening
    return is_running(_process(address))


def _process(address: Address) -> Process:
    return Process(
        address["host"], address["machine"], address["pid"], address["started_at"], address["start_ticks"]
    )


def wait_for_answer(address: Address, answers: Callable[[], bool], stop_command: str) -> bool:
    """Wait until a running service answers; return False if its process ends first.

    Raises ServiceError if it keeps running but does not answer.
    """
    if wait_until(answers, alive=lambda: runs(address), timeout_s=ANSWER_TIMEOUT_S):
        return True
    if not runs(address):
        return False
    raise ServiceError(
        f"process {address['pid']} is running, but did not answer on 127.0.0.1:{address['port']} within "
        f"{ANSWER_TIMEOUT_S} s. It was not stopped, because others may be using it. "
        f"Try again, or stop it with `{stop_command}`."
    )


def remove_address(home: Path, name: str) -> None:
    """Delete the address file of the service."""
    address_file(home, name).unlink(missing_ok=True)


def free_port(preferred: int) -> int:
    """Return `preferred` if nothing listens on it on loopback, else a free port that the system chooses."""
    for port in (preferred, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # the servers themselves also listen on ports in TIME_WAIT
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServiceError("no free TCP port on 127.0.0.1: close some programs and try again")


def listens(pid: int, port: int) -> bool:
    """Return whether this process listens on the port, and not another one."""
    try:
        return any(
            each.status == psutil.CONN_LISTEN and each.laddr.port == port
            for each in psutil.Process(pid).net_connections(kind="tcp")
        )
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # a process of another user is not ours
        return False


def wait_until(ready: Callable[[], bool], *, alive: Callable[[], bool], timeout_s: float) -> bool:
    """Poll until `ready()`; return False when `alive()` is false or after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if ready():
            return True
        if not alive():
            return False
        time.sleep(0.1)
    return False


def end_process(address: Address, *, timeout_s: float) -> None:
    """Terminate the process of the service if it runs, and kill it after `timeout_s` seconds."""
    if not runs(address):
        return
    process = psutil.Process(address["pid"])
    process.terminate()
    try:
        process.wait(timeout_s)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(timeout_s)
