"""Connect to the local services without the proxy and libpq variables of the environment.

Those variables are meant for remote servers. With them, a check of a local service fails or reaches another
server, although the local service works.
"""

import ipaddress
import os
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg

HOSTS = ("127.0.0.1", "localhost", "::1")
LIBPQ = "PG"

Connection = psycopg.Connection[tuple[Any, ...]]

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def is_loopback(url: str) -> bool:
    """Return whether the URL has a loopback address, which only this machine can reach."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def open_url(url: str, timeout_s: float) -> Any:
    """Open a URL of a local service without a proxy. Raises OSError as `urllib.request.urlopen` does."""
    return _opener.open(url, timeout=timeout_s)


def no_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that make HTTP and gRPC clients bypass proxies for loopback addresses.

    Hosts that `environment` already excludes stay excluded.
    """
    excluded = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    names = {"no_proxy": excluded, "NO_PROXY": excluded, "no_grpc_proxy": environment.get("no_grpc_proxy")}
    return {name: _with_loopback(excluded if value is None else value) for name, value in names.items()}


def _with_loopback(excluded: str) -> str:
    hosts = [host.strip() for host in excluded.split(",") if host.strip()]
    if "*" in hosts:
        return excluded
    return ",".join([*hosts, *(host for host in HOSTS if host not in hosts)])


def connect(dsn: str, **options: Any) -> Connection:
    """Connect to the local source with nothing but its DSN. Raises psycopg.OperationalError."""
    with without_libpq_variables():
        return psycopg.connect(dsn, **{"connect_timeout": 10, **options})


def without_libpq(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without PGHOST, PGSSLMODE and the like, for a program of the local source."""
    return {name: value for name, value in environment.items() if not name.startswith(LIBPQ)}


@contextmanager
def without_libpq_variables() -> Iterator[None]:
    """Hide libpq's variables from this process while the block runs, in any of its threads.

    DSN parameters override most of them, but not all: an unknown PGSERVICE fails first.
    """
    _hidden.enter()
    try:
        yield
    finally:
        _hidden.leave()


class _HiddenVariables:
    """Removes libpq's variables while at least one block is active, and restores them after the last."""

    def __init__(self) -> None:
        self._lock, self._blocks, self._variables = threading.Lock(), 0, dict[str, str]()

    def enter(self) -> None:
        with self._lock:
            self._blocks += 1
            for name in [name for name in os.environ if name.startswith(LIBPQ)]:
                self._variables[name] = os.environ.pop(name)

    def leave(self) -> None:
        with self._lock:
            self._blocks -= 1
            if not self._blocks:
                os.environ.update(self._variables)
                self._variables.clear()


_hidden = _HiddenVariables()
