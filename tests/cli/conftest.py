"""What the tests of commands share: a command that runs in this process, and its environment."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli import main


@dataclass(frozen=True)
class Outcome:
    """The result of a command: its exit code and what it printed."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def wwi(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process."""

    def run(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        printed = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment that names an empty home and nothing else."""
    for name in [name for name in os.environ if name.startswith("WWI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WWI_HOME", str(tmp_path))
    return tmp_path
