"""Test that unusable streams and paths cause a one-line error without a traceback."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli import app, main
from cli.failure import describe_error
from metadata.errors import WwiError

WWI = Path(sys.executable).with_name("wwi")
# can print more than a pipe buffer, with characters that are not ASCII
PRINTS = """
import sys
from cli import app, process
from cli.pages.output import print_csv, print_json, print_table
@app.command()
def prints(rows: int = 1):
    print_table("Straße", ("müller", "n"), [("Łódź", 1)] * rows)
    print_csv(("name",), [("Łódź",)])
    print_json({"name": "Łódź"})
process.main()
"""


def shell(command: str, tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command; $PRINTS prints results, and $WWI is `wwi`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("WWI_")}
    (tmp_path / "prints.py").write_text(PRINTS)
    environment = own | {"WWI_HOME": str(tmp_path / "home"), "WWI": str(WWI)} | variables
    environment["PRINTS"] = f"{sys.executable} {tmp_path / 'prints.py'} prints"
    return subprocess.run(
        ["bash", "-c", command],
        env=environment, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("$PRINTS > /dev/full", 1, "wwi: cannot write the output or a file: No space left on device."),
        ("$PRINTS >&-", 1, "wwi: cannot write the output: stdout is closed."),
        ("$PRINTS --rows 20000 | head -1; exit ${PIPESTATUS[0]}", 1, ""),
        ("$PRINTS <&- 2>&-", 0, ""),
        ("$PRINTS <&- >&- 2>&-", 1, ""),
        ("mkdir gone && cd gone && rmdir ../gone && $PRINTS", 1, "wwi: cannot read the current folder"),
    ],
)
def test_an_unusable_stream_is_a_one_line_error(
    command: str, code: int, message: str, tmp_path: Path
) -> None:
    done = shell(command, tmp_path)
    assert done.returncode == code, done.stderr
    assert done.stderr.count("\n") == (1 if message else 0), done.stderr
    assert done.stderr.startswith(message)


def test_an_ascii_terminal_gets_only_ascii(tmp_path: Path) -> None:
    done = shell("$PRINTS", tmp_path, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    assert r"\u0141\xf3d\u017a" in done.stdout
    assert json.loads(done.stdout[done.stdout.rindex("{") :]) == {"name": "Łódź"}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/proc/nowhere", "/proc/nowhere: "),
        ("{folder}/file", "{folder}/file/services/source.json: Not a directory"),
        ("{folder}/loop", "Symlink loop"),
        ("/dev/null/x", "Not a directory"),
        ("{folder}/" + "x" * 300, "File name too long"),
    ],
)
def test_an_unusable_home_is_reported(
    path: str,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in [name for name in os.environ if name.startswith("WWI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WWI_HOME", path.format(folder=tmp_path))
    with pytest.raises(SystemExit) as ended:
        main(["source", "up"])
    shown = capsys.readouterr().err
    assert ended.value.code == 1
    assert "Traceback" not in shown
    assert reason.format(folder=tmp_path) in shown
    assert "WWI_HOME" in shown


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO])
def test_a_system_error_is_shown_with_path_and_fix(number: int) -> None:
    text = describe_error(OSError(number, os.strerror(number), "/data/staged.parquet"))
    assert f"/data/staged.parquet: {os.strerror(number)}" in text
    assert "WWI_HOME" in text


def test_an_unexpected_error_is_one_line_and_its_details_are_in_a_private_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WWI_HOME", str(tmp_path))
    message = "at postgresql://reader" + ":pa/ss@wo@rd@host/db\nand password='a b'"

    @app.command(hidden=True)
    def broken() -> None:
        raise ZeroDivisionError(message)

    try:
        with pytest.raises(SystemExit) as ended:
            main(["broken"])
    finally:
        app.registered_commands.pop()
    shown = capsys.readouterr().err
    assert (ended.value.code, shown.count("\n")) == (1, 1)
    assert shown.startswith("wwi: unexpected error, ZeroDivisionError: at postgresql://***@host/db")
    (file,) = (tmp_path / "logs").iterdir()
    details = file.read_text()
    assert str(file) in shown
    assert "Traceback" in details
    assert file.stat().st_mode & 0o777 == 0o600
    for secret in ("pa/ss", "wo@rd", "a b"):
        assert secret not in shown + details


def test_our_own_errors_are_shown_unchanged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise WwiError("what failed. What to do.")

    monkeypatch.setattr("cli.options.settings", fail)
    with pytest.raises(SystemExit):
        main(["source", "dsn"])
    assert capsys.readouterr().err == "wwi: what failed. What to do.\n"
