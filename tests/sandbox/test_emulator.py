"""What we spare the emulator changes nothing of what it makes of a statement."""

import json
import subprocess
import sys
from pathlib import Path

from tests.sandbox.translating import STATEMENTS


def translated(root: Path, *how: str) -> list[tuple[str, str]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.sandbox.translating", *how],
        cwd=root, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return [tuple(each) for each in json.loads(done.stdout.splitlines()[-1])]


def test_a_spared_emulator_says_the_same_as_one_as_it_is_also_when_asked_again(project_root: Path) -> None:
    plain, spared = translated(project_root), translated(project_root, "spared")
    assert len(plain) == 2 * len(STATEMENTS)
    assert spared == plain
    kinds = [kind for kind, _ in plain]
    assert {"SELECT", "CREATE_TABLE_AS_SELECT", "CREATE_VIEW", "MERGE", "INSERT", "UPDATE"} <= set(kinds)
    assert sum("Err(" in sql for _, sql in plain) == 2, "only the last one is wrong"
