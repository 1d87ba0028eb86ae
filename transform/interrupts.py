"""Make sure that Ctrl-C ends a build.

Python drops a KeyboardInterrupt that is raised while an object is finalized, which happens all the time in
dbt. dbt would then wait for ever for a node that nobody runs.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

REPEAT_S = 5.0
# Ctrl-C, and the loss of the lease: warehouse/lease.py
SIGNALS = (signal.SIGINT, signal.SIGUSR2)


@contextmanager
def repeated_interrupts(repeat_s: float = REPEAT_S) -> Iterator[None]:
    """Within the block, repeat an interrupt until the block ends. Does nothing outside of the main thread."""
    main = threading.main_thread()
    handled = [each for each in SIGNALS if signal.getsignal(each) is signal.default_int_handler]
    if threading.current_thread() is not main or main.ident is None:
        yield
        return
    thread, timers = main.ident, list[threading.Timer]()

    def interrupt(number: int, _frame: FrameType | None) -> None:
        timer = threading.Timer(repeat_s, signal.pthread_kill, [thread, number])
        timer.daemon = True
        timers.append(timer)
        timer.start()
        raise KeyboardInterrupt

    for each in handled:
        signal.signal(each, interrupt)
    try:
        yield
    finally:
        for each in handled:
            signal.signal(each, signal.default_int_handler)
        for timer in timers:
            timer.cancel()
