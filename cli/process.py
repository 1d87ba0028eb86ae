"""Run `wwi` so that the process always ends with the command's exit code.

Prefect and dbt leave daemon threads running, above all when they are interrupted. Python kills these threads
during shutdown. If one is inside compiled Rust code, such as pydantic's, the whole process dies with SIGABRT
or SIGSEGV instead of its exit code.
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
    """Run the command that this process was started with, and exit with its code."""
    os.environ.update(no_proxy(os.environ))  # before any client reads it
    codes: list[int] = []
    atexit.register(_exit_with_code, codes)  # registered first, so it runs last, after Prefect's handlers
    streams.open_standard_streams()
    try:
        cli.main()
    except SystemExit as ended:
        codes.append(ended.code if isinstance(ended.code, int) else int(bool(ended.code)))
        raise
    finally:
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # ignored in the background of a script
            signal.signal(signal.SIGINT, _exit_interrupted)


def _exit_with_code(codes: list[int]) -> None:
    """If daemon threads are running, end the process here without Python's shutdown."""
    if not any(thread.daemon for thread in threading.enumerate()):
        return
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # the reader has gone, or the stream is closed
            stream.flush()
    os._exit(codes[0] if codes else 1)


def _exit_interrupted(_signal: int, _frame: FrameType | None) -> None:
    """End the process at once when Ctrl-C is pressed during shutdown, or again."""
    os._exit(INTERRUPTED)
