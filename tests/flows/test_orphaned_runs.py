"""A run whose process has ended is known as such, and no other."""

import subprocess
import sys
import time
from collections.abc import Iterator
from uuid import uuid4

import psutil
import pytest

from flows.orphaned_runs import RUN_VARIABLE, is_gone

RUN = uuid4()


@pytest.fixture
def at_work() -> Iterator[subprocess.Popen[bytes]]:
    """A process that works for the run."""
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=-1, env={RUN_VARIABLE: str(RUN)}
    ) as process:
        yield process
        process.kill()


def test_a_process_that_has_ended_is_gone(at_work: subprocess.Popen[bytes]) -> None:
    at_work.kill()
    at_work.wait(30)
    assert is_gone(str(at_work.pid), RUN)


def test_a_process_that_works_for_the_run_is_not_gone(at_work: subprocess.Popen[bytes]) -> None:
    assert not is_gone(str(at_work.pid), RUN)


def test_a_clock_step_does_not_end_a_run(
    at_work: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: time.time() + 3600)
    assert not is_gone(str(at_work.pid), RUN)


def test_a_process_that_works_for_another_run_is_another_one(at_work: subprocess.Popen[bytes]) -> None:
    assert is_gone(str(at_work.pid), uuid4())


def test_a_run_that_never_got_a_process_is_gone() -> None:
    assert is_gone(None, RUN)
