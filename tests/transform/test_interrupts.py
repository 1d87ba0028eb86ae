"""An interrupt ends a build, also if Python dropped the first one."""

import contextlib
import signal
import threading
import time

import pytest

from transform.interrupts import SIGNALS, repeated_interrupts


@pytest.mark.parametrize("number", SIGNALS)
def test_a_dropped_interrupt_is_repeated(number: signal.Signals, request: pytest.FixtureRequest) -> None:
    before = signal.signal(number, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(number, before))

    def run() -> None:
        with repeated_interrupts(repeat_s=0.1):
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(number)
            time.sleep(30)

    with pytest.raises(KeyboardInterrupt):
        run()
    assert signal.getsignal(number) is signal.default_int_handler
    time.sleep(0.3)  # none arrives after the block


def test_another_thread_has_no_interrupts() -> None:
    handlers = []

    def run() -> None:
        with repeated_interrupts():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert handlers == [signal.getsignal(signal.SIGINT)]
