"""A process of `wwi` that can be paused, resumed, killed and waited for."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from config.settings import PROJECT_ROOT, Settings
from tests.chaos.failures import Step
from tests.chaos.target_process import ProcessPlan

TIMEOUT_S = 400
POLL_S = 0.005
PIPE_BYTES = 2**20  # large enough for all output, which is read at the end


class WwiProcess:
    """A started process that has imported everything and waits for `resume`."""

    def __init__(
        self,
        settings: Settings,
        step: Step,
        select: Sequence[str],
        plan: ProcessPlan | None = None,
    ) -> None:
        selected = ["--select", " ".join(select)] if step == "build" and select else []
        plan_text = (plan or ProcessPlan()).to_text()
        foreign = {
            name: value for name, value in os.environ.items() if not name.startswith(("WWI_", "PREFECT_"))
        }
        self.step = step
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.target_process", plan_text, step, *selected],
            env={**foreign, "WWI_HOME": str(settings.home)},
            cwd=PROJECT_ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            pipesize=PIPE_BYTES,
        )
        self.pid = self._process.pid
        if not self.has_stopped(TIMEOUT_S):
            raise AssertionError(f"{step} did not start:\n{self.end()[1]}")

    def has_stopped(self, within_s: float) -> bool:
        """Wait until it stops at its point; return False if it ended or `within_s` seconds passed."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            # WNOWAIT leaves the exit status for Popen
            seen = os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG)
            if seen is not None:
                return seen.si_code == os.CLD_STOPPED
            time.sleep(POLL_S)
        return False

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def resume(self) -> None:
        """Continue after a stop."""
        self._process.send_signal(signal.SIGCONT)

    def pause(self) -> None:
        """Stop the process at any place."""
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """Kill the process and its children."""
        if self.is_running:
            os.killpg(self.pid, signal.SIGKILL)

    def end(self) -> tuple[int, str]:
        """Wait for the end; return exit code and output. AssertionError if it hangs."""
        try:
            output, _ = self._process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            output, _ = self._process.communicate()
            raise AssertionError(f"{self.step} did not end:\n{output[-3000:]}") from None
        return self._process.returncode, output

    def is_reported_by(self, output: str) -> bool:
        """Return whether the output of another run says that this one holds the lease."""
        return re.search(rf"another run is at work: .*process {self.pid}\b", output) is not None


def finish(settings: Settings, step: Step, select: Sequence[str]) -> float:
    """Run a step, which must succeed; return its duration in seconds."""
    run = WwiProcess(settings, step, select)
    started = time.monotonic()
    run.resume()
    exit_code, output = run.end()
    assert exit_code == 0, f"{step} failed:\n{output[-3000:]}"
    return time.monotonic() - started
