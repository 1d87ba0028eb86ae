"""Identify a process, so that it is known for certain whether it has ended, whichever machine it ran on.

Wall-clock times do not identify one: Linux derives the start time in seconds from the clock of the moment, so
a clock step of five seconds makes a live process look like another one. The start in clock ticks after the
boot never changes.
"""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

# where /proc is missing, psutil returns the time that the kernel noted at the start; it may be rounded
START_TIME_TOLERANCE_S = 2.0

PROC = Path("/proc")
BOOT_ID = PROC / "sys/kernel/random/boot_id"
PID_NAMESPACE = PROC / "self/ns/pid"
# fields after the command name, which may contain anything, also spaces and brackets (man proc_pid_stat)
STAT_START_TICKS = 22 - 3


@dataclass(frozen=True)
class Process:
    """A process. `start_ticks`: clock ticks from the boot to its start, None where not known.

    `machine` identifies the boot of a kernel and the namespace in which `pid` counts, because containers on
    two machines may share a host name and use the same pids. `started_at`, in seconds since the epoch, is for
    people and for systems without /proc.
    """

    host: str
    machine: str
    pid: int
    started_at: float
    start_ticks: int | None = None


def this_process() -> Process:
    """Return the process that calls."""
    return running_process(os.getpid())


def running_process(pid: int) -> Process:
    """Return the process that has this pid now. Raises psutil.NoSuchProcess when there is none."""
    started_at = psutil.Process(pid).create_time()
    return Process(socket.gethostname(), _machine(), pid, started_at, _start_ticks(pid))


def has_ended(process: Process) -> bool:
    """Return whether the process is known to have ended; False when that cannot be known from here."""
    if not process.machine or (process.host, process.machine) != (socket.gethostname(), _machine()):
        return False
    try:
        found = psutil.Process(process.pid)
        if found.status() == psutil.STATUS_ZOMBIE:
            return True
        ticks = _start_ticks(process.pid)
    except psutil.NoSuchProcess:
        return True
    return ticks is not None and process.start_ticks is not None and ticks != process.start_ticks


def is_running(process: Process) -> bool:
    """Return whether the process is known to run on this machine."""
    try:
        found = psutil.Process(process.pid)
        if found.status() == psutil.STATUS_ZOMBIE:
            return False
        ticks = _start_ticks(process.pid)
        started_at = found.create_time()
    except psutil.NoSuchProcess:
        return False
    if ticks is None:
        return abs(started_at - process.started_at) < START_TIME_TOLERANCE_S
    return (process.machine, process.start_ticks) == (_machine(), ticks)


def _machine() -> str:
    """The boot of the kernel and the namespace of pids; empty where the system does not tell them."""
    try:
        return f"{BOOT_ID.read_text().strip()} {PID_NAMESPACE.readlink()}"
    except OSError:
        return ""


def _start_ticks(pid: int) -> int | None:
    """Clock ticks from the boot to the start of `pid`; None without /proc.

    Raises psutil.NoSuchProcess when it ended meanwhile.
    """
    if not BOOT_ID.exists():
        return None
    try:
        stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError) as error:
        raise psutil.NoSuchProcess(pid) from error
    return int(stat.rpartition(")")[2].split()[STAT_START_TICKS])
