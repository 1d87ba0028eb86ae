"""Standard input, output and error of `wwi`, whatever they are connected to."""

import contextlib
import os
import sys
from io import TextIOWrapper


def open_standard_streams() -> None:
    """Open the standard streams that are closed, and let both outputs print any character.

    A closed one leaves its number to the next file that is opened, and what is printed would go there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)  # takes the lowest free number
    if sys.stdout is None:  # read-only: printing results there is an error, as with a full disk
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # an ASCII terminal shows \xe9 for é
            stream.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Let what is still to be written to stdout go nowhere, so that Python does not fail with it on exit."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
