"""Test a read-only checkout: a home in it is an error, and no command writes to it otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import PROJECT_ROOT

WWI = "from cli.process import main; main()"
MOUNT = """
mount --bind "$1" "$2" && mount -o remount,ro,bind "$2" || exit 99
cd "$2" && shift 2 && exec "$@"
"""


def wwi(checkout: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a wwi command in a read-only mount of this checkout, in separate namespaces."""
    return subprocess.run(
        [
            "unshare", "-rm", "sh", "-c", MOUNT, "sh", str(PROJECT_ROOT), str(checkout),
            sys.executable, "-c", WWI, *command,
        ],
        env={name: value for name, value in os.environ.items() if not name.startswith("WWI_")} | variables,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    mounted = tmp_path / "checkout"
    mounted.mkdir()
    if wwi(mounted, "--help").returncode:
        pytest.skip("this machine does not allow users to mount: unshare -rm")
    return mounted


@pytest.mark.parametrize("command", ["source up", "status", "build", "run"])
def test_a_home_in_a_read_only_checkout_is_reported(checkout: Path, command: str) -> None:
    done = wwi(checkout, *command.split())
    line = (
        f"cannot write to the folder {checkout / '.wwi'}: its file system is read-only. "
        "Set WWI_HOME to a writable folder."
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"wwi: {line}\n")


def test_a_read_only_checkout_works_with_a_home_elsewhere(checkout: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = wwi(checkout, "status", WWI_HOME=str(home))
    assert done.stderr.startswith(f"wwi: no warehouse: no local warehouse runs under {home}.")
