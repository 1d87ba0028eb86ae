"""Prepare standard input, output and error, even if they are closed or not UTF-8."""

import contextlib
import os
import sys
from io import TextIOWrapper


def open_standard_streams() -> None:
    """Open the standard streams that are closed, and make both outputs accept any character.

    The next file that is opened would get the number of a closed stream, and output would go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)  # takes the lowest free number
    if sys.stdout is None:  # opened read-only, so that printing results fails, as on a full disk
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # an ASCII terminal shows \xe9 for é
            stream.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Discard buffered output, so that Python does not fail when it flushes stdout on exit."""
    with contextlib.suppress(OSError, ValueError):
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, sys.stdout.fileno())
        os.close(devnull)
