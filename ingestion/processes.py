"""Which process on which machine: enough to tell for certain that a process has ended, wherever it ran."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

# psutil and the kernel round the start time differently after a suspend; a reused pid is never this close.
START_TIME_TOLERANCE_S = 2.0

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PID_NAMESPACE = Path("/proc/self/ns/pid")


@dataclass(frozen=True)
class Process:
    """A process. `started_at`: seconds since the epoch. `machine` is the same wherever its pid means it.

    A host name is not enough: containers on two machines may share one, and have the same pids besides.
    """

    host: str
    machine: str
    pid: int
    started_at: float


def this_process() -> Process:
    """Return the process that asks."""
    pid = os.getpid()
    return Process(socket.gethostname(), _machine(), pid, psutil.Process(pid).create_time())


def _machine() -> str:
    """The boot of the kernel and the namespace of pids; empty where the system does not tell them."""
    try:
        return f"{BOOT_ID.read_text().strip()} {PID_NAMESPACE.readlink()}"
    except OSError:
        return ""


def has_ended(process: Process) -> bool:
    """Tell whether the process is known to have ended. Of one that runs elsewhere nothing is known: False."""
    here = this_process()
    if not here.machine or (process.host, process.machine) != (here.host, here.machine):
        return False
    return not is_same_process(process.pid, process.started_at)


def is_same_process(pid: int, started_at: float) -> bool:
    """Tell whether `pid` lives and started at `started_at` (seconds since the epoch)."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return bool(abs(process.create_time() - started_at) < START_TIME_TOLERANCE_S)
    except psutil.NoSuchProcess:
        return False
