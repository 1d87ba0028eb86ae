"""Run all commands of the tutorial and compare their output with the page."""

import doctest
import os
import subprocess
from pathlib import Path

import pytest

from config.settings import PROJECT_ROOT
from tests.docs.commands import Command, commands

PAGE = Path("docs/tutorial/first_load.md")
LIMIT_S = 600
# dots match times and omitted lines
AS_SHOWN = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def run(command: Command, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell, in the folder of the checkout."""
    return subprocess.run(
        ["bash", "-c", command.text],
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def is_as_shown(shown: str, printed: str) -> bool:
    """Compare output with the page; empty lines and the amount of white space do not count."""
    return doctest.OutputChecker().check_output(shown, printed.strip("\n") + "\n", AS_SHOWN)


@pytest.mark.tutorial
@pytest.mark.services
@pytest.mark.timeout(1500)
def test_every_command_does_what_the_tutorial_shows(tmp_path: Path) -> None:
    steps = [each for each in commands(str(PAGE), (PROJECT_ROOT / PAGE).read_text()) if each.is_whole]
    own = {name: value for name, value in os.environ.items() if not name.startswith("WWI_")}
    environment = own | {"WWI_HOME": str(tmp_path)}
    assert len(steps) > 10
    try:
        for step in steps:
            done = run(step, environment)
            assert done.returncode == 0, f"{step}\n{done.stdout}{done.stderr}"
            if step.printed:
                assert is_as_shown(step.printed, done.stdout), f"{step}\n{done.stdout}"
        assert (tmp_path / "dashboard.html").stat().st_size > 100_000
    finally:
        run(Command(str(PAGE), 0, "make stop"), environment)


def test_output_that_differs_from_the_page_is_found() -> None:
    shown = "loaded 3 rows in ... s\n...\n total   7\n"
    assert is_as_shown(shown, "\nloaded 3 rows in 1.2 s\nmore\nand more\n  total      7\n\n")
    assert not is_as_shown(shown, "loaded 4 rows in 1.2 s\nmore\ntotal 7\n")
    assert not is_as_shown(shown, "loaded 3 rows in 1.2 s\nmore\ntotal 8\n")
