"""Distribution of tests over several pytest workers (`-n`), each with its own services.

The tests of a file run in one worker, because they share what a fixture loaded; so do files that share a
session fixture. Long files start first; otherwise one worker would finish long after the others.
"""

import contextlib
import socket
from collections.abc import Iterator

import pytest
from xdist.scheduler import LoadScopeScheduling

from sandbox import postgres, warehouse

# files and folders that share a session fixture
TOGETHER = (("tests/googlesql/",), ("tests/marts/", "tests/vault/test_delivery.py"))
# longest first; all other files follow in their usual order
LONG = (
    "tests/flows/test_main_line.py",
    "tests/googlesql/",
    "tests/marts/",
    "tests/vault/test_delivery.py",
    "tests/chaos/",
    "tests/history/",
    "tests/vault/",
    "tests/business_vault/",
    "tests/transform/",
    "tests/operations/test_rebuild.py",
    "tests/ingestion/test_crash.py",
)
DEFAULT_PORTS = (postgres.DEFAULT_PORT, warehouse.DEFAULT_REST_PORT, warehouse.DEFAULT_GRPC_PORT)


class ByPlatform(LoadScopeScheduling):  # type: ignore[misc]
    """Gives all tests with the same loaded platform to one worker."""

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
def occupy_default_ports() -> Iterator[None]:
    """Occupy the services' default ports, so that each worker's services get free ports from the system."""
    with contextlib.ExitStack() as held:
        for port in DEFAULT_PORTS:
            listener = held.enter_context(socket.socket())
            # like the services; otherwise a port used a minute ago could not be bound
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):  # already in use by another process, which has the same effect
                listener.bind(("127.0.0.1", port))
                listener.listen()
        yield
