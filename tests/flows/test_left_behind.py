"""A run whose process has ended is known as such, and no other."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from flows.left_behind import is_gone

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def ended() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait(30)
    return process.pid


def test_a_process_that_has_ended_is_gone(ended: int) -> None:
    assert is_gone(str(ended), NOW)
    assert is_gone(str(ended), None)


def test_a_process_that_works_is_not_gone() -> None:
    assert not is_gone(str(os.getpid()), datetime.now(UTC))


def test_a_process_that_began_after_the_run_is_another_one() -> None:
    assert is_gone(str(os.getpid()), NOW - timedelta(days=1))


def test_a_run_that_never_got_a_process_is_gone() -> None:
    assert is_gone(None, None)
