"""What `make docker-trial` says where Docker is missing. The trial itself needs Docker and is not a test."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkout.tracked import ROOT

NO_ENGINE = 'echo "Cannot connect to the Docker daemon" >&2; exit 1'
NO_COMPOSE = 'case "$1" in version) echo 28.0 ;; *) echo "unknown command" >&2; exit 1 ;; esac'
OLD_COMPOSE = "echo 1.29.2"


def trial(path: Path) -> subprocess.CompletedProcess[str]:
    """Run the trial with only the programs of this folder."""
    return subprocess.run(
        [sys.executable, str(ROOT / "docker" / "trial.py")],
        env={"PATH": str(path)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("programs", "message"),
    [
        ({}, "Docker is missing. Install it, or use `make start`"),
        ({"docker": NO_ENGINE}, "no Docker engine answers. Start it, or check DOCKER_HOST."),
        ({"docker": NO_COMPOSE}, "Compose 2 is missing. Install Docker's compose plugin"),
        ({"docker": NO_COMPOSE, "docker-compose": OLD_COMPOSE}, "Compose 2 is missing"),
    ],
)
def test_the_trial_says_what_is_missing(programs: dict[str, str], message: str, tmp_path: Path) -> None:
    for name, script in programs.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    done = trial(tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
