"""Only runs whose process has ended are found to be orphaned."""

import subprocess
import sys
import time
from collections.abc import Iterator
from uuid import uuid4

import psutil
import pytest

from flows.orphaned_runs import RUN_VARIABLE, has_ended

RUN = uuid4()


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process with the run id in its environment."""
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=-1, env={RUN_VARIABLE: str(RUN)}
    ) as started:
        yield started
        started.kill()


def test_an_ended_process_counts_as_ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(30)
    assert has_ended(str(process.pid), RUN)


def test_a_process_of_the_run_counts_as_running(process: subprocess.Popen[bytes]) -> None:
    assert not has_ended(str(process.pid), RUN)


def test_a_clock_step_does_not_end_a_run(
    process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: time.time() + 3600)
    assert not has_ended(str(process.pid), RUN)


def test_a_process_of_another_run_does_not_count(process: subprocess.Popen[bytes]) -> None:
    assert has_ended(str(process.pid), uuid4())


def test_a_run_without_a_process_counts_as_ended() -> None:
    assert has_ended(None, RUN)
