"""Variables of the Python interpreter do not affect `wwi` or its child processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wwi_command import FOREIGN

WWI = Path(sys.executable).with_name("wwi")
NOTES = "import os, pathlib; pathlib.Path(os.environ['NOTES']).open('a').write('started\\n')"


def wwi(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return subprocess.run(
        [WWI, *command], env=inherited | variables, capture_output=True, text=True, timeout=120, check=False
    )


def test_modules_of_another_project_are_not_imported(tmp_path: Path) -> None:
    """Only the first interpreter, which `wwi` replaces, sees the folder; `sitecustomize` logs each start."""
    for package in ("flows", "metadata", "ingestion"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise SystemExit('of another project')")
    (tmp_path / "typer.py").write_text("raise SystemExit('of another project')")
    (tmp_path / "sitecustomize.py").write_text(NOTES)
    notes = tmp_path / "notes"
    done = wwi("source", "--help", PYTHONPATH=str(tmp_path), NOTES=str(notes))
    assert (done.returncode, done.stderr) == (0, "")
    assert "simulate" in done.stdout
    assert notes.read_text() == "started\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [("PYTHONWARNINGS", "error"), ("PYTHONOPTIMIZE", "2"), ("PYTHONINSPECT", "1"), ("PYTHONDEVMODE", "1")],
)
def test_variables_of_the_interpreter_change_nothing(name: str, value: str, tmp_path: Path) -> None:
    done = wwi("source", "dsn", WWI_HOME=str(tmp_path), **{name: value})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        f"wwi: no source: WWI_SOURCE_DSN is not set and no local source runs under {tmp_path}."
    )
