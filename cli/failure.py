"""Turn exceptions into messages for users: what failed and what to do, never a traceback."""

import contextlib
import errno
import os
import re
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from cli.streams import drop_output
from metadata.errors import WwiError

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# the part of a DSN or URL that can contain a password
PASSWORD = re.compile(r"(://)\S*@|(password\s*=\s*)('(?:[^'\\]|\\.)*'?|\S+)", re.IGNORECASE)
LINE_LENGTH = 300


def fail(message: str) -> NoReturn:
    """Print the message to stderr and exit with code 1."""
    with contextlib.suppress(OSError):  # stderr is closed
        print(f"wwi: {message}", file=sys.stderr)
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        drop_output()
    sys.exit(1)


def check_current_folder() -> None:
    """Raise WwiError if the current folder does not exist: settings and dbt look for files in it."""
    try:
        Path.cwd()
    except OSError as error:
        raise WwiError(f"cannot read the current folder: {error.strerror}. Change to another one.") from error


def describe_error(error: Exception) -> str:
    """Return the message for an error that is not a WwiError: a system error or a bug."""
    if isinstance(error, OSError) and error.errno is not None and type(error).__module__ == "builtins":
        return _system_error(error)
    reason = " ".join(_without_passwords(str(error)).split())[:LINE_LENGTH]
    return (
        f"unexpected error, {type(error).__name__}: {reason}. The details are in {_write_details(error)}. "
        "Please report it and attach that file."
    )


def _system_error(error: OSError) -> str:
    """Return the message for a failed use of a file: path, reason and what to do."""
    reason = error.strerror or os.strerror(error.errno or 0)
    where = f"{error.filename}: " if error.filename is not None else ""
    if error.errno == errno.EBADF and not where:
        return "cannot write the output: stdout is closed."
    if error.errno in NO_SPACE:
        what = where or "the output or a file: "
        return (
            f"cannot write {what}{reason}. Free some space, or set WWI_HOME or --output to another place; "
            "then run again."
        )
    return (
        f"cannot use {where or 'a file: '}{reason}. Change its permissions, or set WWI_HOME or --output to "
        "another path; then run again."
    )


def _write_details(error: Exception) -> str:
    """Write the traceback to a file that only its owner can read, and return its path."""
    text = _without_passwords("".join(traceback.format_exception(error)))
    name = f"wwi-error-{datetime.now(UTC):%Y%m%dT%H%M%S}-"
    for folder in (_logs(), None):  # None: the folder for temporary files
        with contextlib.suppress(OSError):
            number, path = tempfile.mkstemp(prefix=name, suffix=".log", dir=folder)
            with os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
            return path
    return "no file (none could be written)"


def _logs() -> Path | None:
    with contextlib.suppress(WwiError, OSError):
        from config.settings import Settings  # noqa: PLC0415 - pydantic, so that help stays quick

        folder = Settings().home / "logs"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder
    return None


def _without_passwords(text: str) -> str:
    return PASSWORD.sub(lambda found: f"{found[1]}***@" if found[1] else f"{found[2]}***", text)
