"""The process of `wwi`: it ends with the command's exit code, whatever threads are still at work.

Prefect and dbt leave daemon threads behind, above all when they are interrupted. Python ends such a thread
in the middle of a call as it takes itself down; where that call is compiled Rust, as in pydantic, the whole
process dies of it, by SIGABRT or SIGSEGV in place of its exit code.
"""

import atexit
import contextlib
import os
import signal
import sys
import threading
from types import FrameType

import cli
from cli import streams
from config.loopback import no_proxy

INTERRUPTED = 130


def main() -> None:
    """Run the command of this process's arguments, and end the process with its exit code."""
    os.environ.update(no_proxy(os.environ))  # before any client reads it
    codes: list[int] = []
    atexit.register(_end, codes)  # the first to be registered is the last to run: after Prefect's
    streams.open_standard_streams()
    try:
        cli.main()
    except SystemExit as ended:
        codes.append(ended.code if isinstance(ended.code, int) else int(bool(ended.code)))
        raise
    finally:
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # ignored in the background of a script
            signal.signal(signal.SIGINT, _leave)


def _end(codes: list[int]) -> None:
    """End the process here, without taking Python down, when daemon threads are at work."""
    if not any(thread.daemon for thread in threading.enumerate()):
        return
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # its reader is gone, or it is closed
            stream.flush()
    os._exit(codes[0] if codes else 1)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    """End the process at once: Ctrl-C while it ends, or pressed again."""
    os._exit(INTERRUPTED)
