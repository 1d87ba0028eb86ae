"""Run a program and measure its duration and peak memory."""

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
    """Duration in seconds, peak resident memory in MB, and output of a program."""

    seconds: float
    peak_mb: float
    output: str


def run(command: Sequence[object], env: Mapping[str, str] | None = None, timeout_s: float = 600) -> Child:
    """Run the program without settings of this platform, except those in `env`.

    Raises BenchError with the end of its output if it fails or takes longer than `timeout_s`.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WWI_")}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        started = time.monotonic()
        process = subprocess.Popen(
            [str(word) for word in command], stdout=out, stderr=errors, env={**inherited, **(env or {})}
        )
        peak_kb = 0
        try:
            while process.poll() is None:
                peak_kb = max(peak_kb, _peak_kb(process.pid))
                if time.monotonic() - started > timeout_s:
                    raise BenchError(f"{command[0]} took longer than {timeout_s:.0f} s.")
                time.sleep(POLL_S)
        finally:
            process.kill()  # also when this process is interrupted
            process.wait()
        seconds = time.monotonic() - started
        out.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            raise BenchError(f"{' '.join(map(str, command[:3]))} failed:\n{errors.read()[-1000:]}")
        return Child(seconds, peak_kb / 1000, out.read())


def _peak_kb(pid: int) -> int:
    """Return the peak resident memory of a process in kB, from Linux; 0 if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)
