"""A run of `wwi` in its own process: started, stopped, interrupted, continued, watched to its end."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from config.settings import PROJECT_ROOT, Settings
from tests.chaos.accidents import Step
from tests.chaos.target_process import Arrangement

TIMEOUT_S = 400
POLL_S = 0.005
PIPE_BYTES = 2**20  # nobody reads before the end


class Started:
    """A run that is about to begin its work: everything is imported, and it waits for `go_on`."""

    def __init__(
        self,
        settings: Settings,
        step: Step,
        select: Sequence[str],
        arrangement: Arrangement | None = None,
    ) -> None:
        selected = ["--select", " ".join(select)] if step == "build" and select else []
        plan = (arrangement or Arrangement()).to_text()
        foreign = {
            name: value for name, value in os.environ.items() if not name.startswith(("WWI_", "PREFECT_"))
        }
        self.step = step
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.target_process", plan, step, *selected],
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
            raise AssertionError(f"{step} did not begin:\n{self.end()[1]}")

    def has_stopped(self, within_s: float) -> bool:
        """Wait until it stops at its point; False when it has ended or `within_s` seconds have passed."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            # without WNOWAIT its end would be lost to Popen
            seen = os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG)
            if seen is not None:
                return seen.si_code == os.CLD_STOPPED
            time.sleep(POLL_S)
        return False

    @property
    def is_at_work(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def go_on(self) -> None:
        """Let it go on from where it stopped."""
        self._process.send_signal(signal.SIGCONT)

    def pause(self) -> None:
        """Stop it wherever it is."""
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """Kill it and what it has started."""
        if self.is_at_work:
            os.killpg(self.pid, signal.SIGKILL)

    def end(self) -> tuple[int, str]:
        """Wait for its end; return its exit code and what it said. AssertionError when it hangs."""
        try:
            output, _ = self._process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            output, _ = self._process.communicate()
            raise AssertionError(f"{self.step} did not end:\n{output[-3000:]}") from None
        return self._process.returncode, output

    def refuses(self, output: str) -> bool:
        """Tell whether the output of another run is that it found this one at work."""
        return re.search(rf"another run is at work: .*process {self.pid}\b", output) is not None


def finish(settings: Settings, step: Step, select: Sequence[str]) -> float:
    """Run a step to its end, which must be a good one; return the seconds that its work took."""
    run = Started(settings, step, select)
    began = time.monotonic()
    run.go_on()
    exit_code, output = run.end()
    assert exit_code == 0, f"{step} failed:\n{output[-3000:]}"
    return time.monotonic() - began
