"""Inject a failure: start a run, disturb it, and wait for its end."""

import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from config.settings import Settings
from sandbox import postgres, warehouse
from tests.chaos.failures import Failure, Step
from tests.chaos.process import TIMEOUT_S, WwiProcess
from tests.chaos.target_process import ProcessPlan

MAX_FILE_BYTES = 12_000  # smaller than the largest file of a small day
BACKWARDS_S = (5, 20 * 3600)


@dataclass(frozen=True)
class Injection:
    """A failure to inject, and after how many seconds if it has no point."""

    failure: Failure
    after_s: float


@dataclass(frozen=True)
class InjectionResult:
    """How a disturbed run ended; the failure came `after_s` seconds after its start."""

    after_s: float
    exit_code: int
    is_too_late: bool = False


def inject(
    settings: Settings, step: Step, select: Sequence[str], injection: Injection, choice: random.Random
) -> InjectionResult:
    """Start the step, inject the failure, and wait for the end; afterwards the servers are up again.

    AssertionError if the run hangs or ends unexpectedly: it may succeed or print one clear error, but never a
    traceback.
    """
    kind = injection.failure.kind
    max_file_bytes = choice.randrange(MAX_FILE_BYTES) if kind == "disk" else None
    clock_behind_s = choice.randint(*BACKWARDS_S) if kind == "clock" else 0
    second = choice.choice(("ingest", "build"))
    run = WwiProcess(
        settings, step, select, ProcessPlan(injection.failure.point, max_file_bytes, clock_behind_s)
    )
    started = time.monotonic()
    run.resume()
    if kind in {"disk", "clock"}:
        exit_code, output = run.end()
        _check(injection, exit_code, output)
        return InjectionResult(
            time.monotonic() - started, exit_code, is_too_late=kind == "disk" and exit_code == 0
        )
    if injection.failure.point:
        is_in_time = run.has_stopped(TIMEOUT_S)
    else:
        time.sleep(injection.after_s)
        is_in_time = run.is_running
    after_s = time.monotonic() - started
    if is_in_time:
        if kind == "second":
            run.pause()
            is_in_time = _is_refused(settings, second, select, run)
        elif kind == "kill":
            run.kill()
        else:
            _KILL_SERVER[kind](settings)
    if run.is_running:
        run.resume()
    exit_code, output = run.end()
    _check(injection, exit_code, output)
    postgres.up(settings)
    warehouse.up(settings)
    return InjectionResult(after_s, exit_code, not is_in_time)


def _check(injection: Injection, exit_code: int, output: str) -> None:
    kind = injection.failure.kind
    allowed = {"kill": {-signal.SIGKILL, 0}, "second": {0}, "clock": {0}}.get(kind, {0, 1})
    assert exit_code in allowed, f"{injection}: exit code {exit_code}\n{output[-3000:]}"
    assert "Traceback" not in output, f"{injection}: no clear error\n{output[-5000:]}"


def _is_refused(settings: Settings, step: Step, select: Sequence[str], first: WwiProcess) -> bool:
    """Return whether a second run is refused; False if the first had not started or already ended."""
    second = WwiProcess(settings, step, select)
    second.resume()
    exit_code, output = second.end()
    if exit_code == 0:
        return False
    assert first.is_reported_by(output), f"output of the second run, {step}:\n{output[-3000:]}"
    return True


def _kill_source(settings: Settings) -> None:
    """Shut down immediately: connections break, and the next start recovers from the write-ahead log."""
    _end(postgres.up(settings)["pid"], signal.SIGQUIT)
    postgres.up(settings)


def _kill_warehouse(settings: Settings) -> None:
    _end(warehouse.up(settings)["pid"], signal.SIGKILL)
    warehouse.up(settings)


def _end(pid: int, how: signal.Signals) -> None:
    server = psutil.Process(pid)
    server.send_signal(how)
    psutil.wait_procs([server], timeout=30)


_KILL_SERVER = {"source": _kill_source, "warehouse": _kill_warehouse}
