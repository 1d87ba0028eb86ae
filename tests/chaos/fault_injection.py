"""Inject a failure: start a run, disturb it, and wait for its end."""

import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from config.settings import Settings
from sandbox import postgres, warehouse
from tests.chaos.accidents import Accident, Step
from tests.chaos.process import TIMEOUT_S, Started
from tests.chaos.target_process import Arrangement

MOST_ROOM = 12_000  # bytes of a file; the largest of a small day has more
BACKWARDS_S = (5, 20 * 3600)


@dataclass(frozen=True)
class Injection:
    """A failure to inject, and after how many seconds, if it has no point."""

    accident: Accident
    after_s: float


@dataclass(frozen=True)
class InjectionResult:
    """How a disturbed run ended; the failure came `after_s` seconds after its start."""

    after_s: float
    exit_code: int
    came_too_late: bool = False


def inject(
    settings: Settings, step: Step, select: Sequence[str], blow: Injection, choice: random.Random
) -> InjectionResult:
    """Start the step, have the accident happen, and wait for the end; the servers are up again then.

    AssertionError when the run hangs or ends as it should not: an accident that it can notice is one clear
    error or none, and never a stack of Python's.
    """
    what = blow.accident.what
    room = choice.randrange(MOST_ROOM) if what == "disk" else None
    behind_s = choice.randint(*BACKWARDS_S) if what == "clock" else 0
    second = choice.choice(("ingest", "build"))
    run = Started(settings, step, select, Arrangement(blow.accident.point, room, behind_s))
    began = time.monotonic()
    run.go_on()
    if what in {"disk", "clock"}:
        exit_code, output = run.end()
        _check(blow, exit_code, output)
        return InjectionResult(
            time.monotonic() - began, exit_code, came_too_late=what == "disk" and exit_code == 0
        )
    if blow.accident.point:
        is_in_time = run.has_stopped(TIMEOUT_S)
    else:
        time.sleep(blow.after_s)
        is_in_time = run.is_at_work
    after_s = time.monotonic() - began
    if is_in_time:
        if what == "second":
            run.pause()
            is_in_time = _is_refused(settings, second, select, run)
        elif what == "kill":
            run.kill()
        else:
            _HARMS[what](settings)
    if run.is_at_work:
        run.go_on()
    exit_code, output = run.end()
    _check(blow, exit_code, output)
    postgres.up(settings)
    warehouse.up(settings)
    return InjectionResult(after_s, exit_code, not is_in_time)


def _check(blow: Injection, exit_code: int, output: str) -> None:
    what = blow.accident.what
    if what == "clock" and exit_code:
        # a build goes by the time at which a batch was completed; it may refuse, but not leave one out
        assert "a build would leave it out" in output, output[-3000:]
    allowed = {"kill": {-signal.SIGKILL, 0}, "second": {0}}.get(what, {0, 1})
    assert exit_code in allowed, f"{blow}: exit code {exit_code}\n{output[-3000:]}"
    assert "Traceback" not in output, f"{blow}: no clear error\n{output[-5000:]}"


def _is_refused(settings: Settings, step: Step, select: Sequence[str], first: Started) -> bool:
    """Tell whether a second run finds the first at work; False: it came before that had begun, or after."""
    second = Started(settings, step, select)
    second.go_on()
    exit_code, output = second.end()
    if exit_code == 0:
        return False
    assert first.refuses(output), f"the second run, {step}, says:\n{output[-3000:]}"
    return True


def _kill_source(settings: Settings) -> None:
    """An immediate shutdown: every connection breaks, and the next start recovers from the log."""
    _end(postgres.up(settings)["pid"], signal.SIGQUIT)
    postgres.up(settings)


def _kill_warehouse(settings: Settings) -> None:
    _end(warehouse.up(settings)["pid"], signal.SIGKILL)
    warehouse.up(settings)


def _end(pid: int, how: signal.Signals) -> None:
    server = psutil.Process(pid)
    server.send_signal(how)
    psutil.wait_procs([server], timeout=30)


_HARMS = {"source": _kill_source, "warehouse": _kill_warehouse}
