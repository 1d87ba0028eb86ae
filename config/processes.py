"""Identify a process across machines and reboots, to decide safely whether it has ended.

Start times in seconds are not enough: Linux derives them from the current clock, so a clock step of five
seconds makes a live process look like another one. The start in clock ticks after the boot never changes.
"""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

# without /proc, psutil returns the start time that the kernel recorded, perhaps rounded
START_TIME_TOLERANCE_S = 2.0

PROC = Path("/proc")
BOOT_ID = PROC / "sys/kernel/random/boot_id"
PID_NAMESPACE = PROC / "self/ns/pid"
# fields after the command name, which may contain spaces and brackets (man proc_pid_stat)
STAT_START_TICKS = 22 - 3


@dataclass(frozen=True)
class Process:
    """A process. `start_ticks`: clock ticks from the boot to its start, None if unknown.

    `machine` identifies the boot of a kernel and the pid namespace, because containers on two machines may
    have the same host name and pids. `started_at`, in seconds since the epoch, is for people and for systems
    without /proc.
    """

    host: str
    machine: str
    pid: int
    started_at: float
    start_ticks: int | None = None


def this_process() -> Process:
    """Return this process."""
    return running_process(os.getpid())


def running_process(pid: int) -> Process:
    """Return the process with this pid. Raises psutil.NoSuchProcess if there is none."""
    started_at = psutil.Process(pid).create_time()
    return Process(socket.gethostname(), _machine(), pid, started_at, _start_ticks(pid))


def has_ended(process: Process) -> bool:
    """Return whether the process has certainly ended; False if that cannot be decided on this machine."""
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
    """Return whether the process certainly runs on this machine."""
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
    """Return the boot id and the pid namespace; empty if the system has none."""
    try:
        return f"{BOOT_ID.read_text().strip()} {PID_NAMESPACE.readlink()}"
    except OSError:
        return ""


def _start_ticks(pid: int) -> int | None:
    """Return the clock ticks from the boot to the start of `pid`; None without /proc.

    Raises psutil.NoSuchProcess if it has ended.
    """
    if not BOOT_ID.exists():
        return None
    try:
        stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError) as error:
        raise psutil.NoSuchProcess(pid) from error
    return int(stat.rpartition(")")[2].split()[STAT_START_TICKS])
