"""Runs a program and tells how long it took and how much memory it held at most."""

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.errors import BenchError

POLL_S = 0.02


@dataclass(frozen=True)
class Child:
    """Seconds from its start to its end, the most memory it was resident with in MB, and what it printed."""

    seconds: float
    peak_mb: float
    output: str


def run(command: Sequence[object], env: Mapping[str, str] | None = None, timeout_s: float = 600) -> Child:
    """Run the program, with its environment cleared of this platform's settings but for those of `env`.

    Raises BenchError with the end of what it said when it fails or takes longer than `timeout_s`.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WWI_")}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as complaints:
        started = time.monotonic()
        process = subprocess.Popen(
            [str(word) for word in command], stdout=out, stderr=complaints, env={**inherited, **(env or {})}
        )
        peak_kb = 0
        try:
            while process.poll() is None:
                peak_kb = max(peak_kb, _peak_kb(process.pid))
                if time.monotonic() - started > timeout_s:
                    raise BenchError(f"{command[0]} took longer than {timeout_s:.0f} s.")
                time.sleep(POLL_S)
        finally:
            process.kill()  # nothing is left of it when this one is interrupted
            process.wait()
        seconds = time.monotonic() - started
        out.seek(0)
        complaints.seek(0)
        if process.returncode != 0:
            raise BenchError(f"{' '.join(map(str, command[:3]))} failed:\n{complaints.read()[-1000:]}")
        return Child(seconds, peak_kb / 1000, out.read())


def _peak_kb(pid: int) -> int:
    """The high-water mark that Linux keeps of a process; 0 when it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)
