"""How the tests are shared out when pytest runs several workers (`-n`), each with services of its own.

A file stays whole, for its tests share what a fixture has loaded; so do the files of a fixture that lives for
the session. Long ones go first, or at the end all workers but one would be idle.
"""

import contextlib
import socket
from collections.abc import Iterator

import pytest
from xdist.scheduler import LoadScopeScheduling

from sandbox import postgres, warehouse

# files and folders of one session's fixture
TOGETHER = (("tests/googlesql/",), ("tests/marts/", "tests/vault/test_delivery.py"))
# longest first; what is not named keeps its order behind them
LONG = (
    "tests/flows/test_main_line.py",
    "tests/googlesql/",
    "tests/marts/",
    "tests/vault/test_delivery.py",
    "tests/chaos/",
    "tests/history/",
    "tests/vault/",
    "tests/business_vault/",
    "tests/ingestion/test_crash.py",
)
USUAL_PORTS = (postgres.DEFAULT_PORT, warehouse.DEFAULT_REST_PORT, warehouse.DEFAULT_GRPC_PORT)


class ByPlatform(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a worker all tests that share a loaded platform."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = nodeid.split("::", 1)[0]
        return next((group[0] for group in TOGETHER if file.startswith(group)), file)


def longest_first(items: list[pytest.Item]) -> None:
    """Sort the tests of long files to the front."""
    items.sort(
        key=lambda item: next(
            (place for place, name in enumerate(LONG) if item.nodeid.startswith(name)), len(LONG)
        )
    )


@contextlib.contextmanager
def usual_ports_taken() -> Iterator[None]:
    """Hold the services' usual ports, where two workers would meet: each asks the system for one instead."""
    with contextlib.ExitStack() as held:
        for port in USUAL_PORTS:
            listener = held.enter_context(socket.socket())
            # as the services do, or a port that was used a minute ago could not be held
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):  # somebody else holds it, which is as good
                listener.bind(("127.0.0.1", port))
                listener.listen()
        yield
