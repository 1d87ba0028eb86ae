"""Log in to the source, and get the SQLSTATE if the login is refused.

For a refused login, psycopg returns only a text in the server's language, without the SQLSTATE. The protocol
contains it, so libpq writes a trace of the login to memory, and the SQLSTATE is read from there.
"""

import os
import re
import selectors
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import psycopg
from psycopg import pq
from psycopg.pq import ConnStatus, PollingStatus, TransactionStatus
from psycopg.pq.abc import PGconn

from config.errors import PermanentError, TransientError
from ingestion.source.dsn import USER
from ingestion.source.errors import is_transient

CONNECT_TIMEOUT_S = 10
DEFAULTS = {
    "fallback_application_name": b"wwi-ingest",
    "client_encoding": b"UTF8",
    # after 10 s of silence, probe the server, and close the connection after three unanswered probes
    "keepalives_idle": b"10",
    "keepalives_interval": b"5",
    "keepalives_count": b"3",
}
REFUSED = re.compile(rb'\tErrorResponse\t(?: [SV] "[^"]*")* C "([0-9A-Z]{5})"')
FIXES = {
    "28": "Check WWI_SOURCE_DSN (user, password) and pg_hba.conf on the server.",
    "3D": "Check WWI_SOURCE_DSN (database).",
    "42501": "Ask the owner of the source to grant `connect` on the database to the login.",
    "53": "All connections of the login or server are in use. Run again later, or lower WWI_READERS.",
    "57": "The source is starting, stopping or recovering. Run again when it is up.",
}
NOT_REACHED = {ConnStatus.BAD, ConnStatus.NEEDED, ConnStatus.STARTED}
ENCRYPTING = {ConnStatus.SSL_STARTUP, ConnStatus.GSS_STARTUP}


class Connection(psycopg.Connection[tuple[object, ...]]):
    """A connection to the source. `limit_s`: time limit of each statement in seconds, 0: none."""

    limit_s: int = 0

    def close(self) -> None:
        """Roll back and close; otherwise a connection pooler discards its server connection."""
        with suppress(psycopg.Error):
            if self.info.transaction_status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}:
                self.rollback()
        super().close()


@dataclass(frozen=True)
class _Refusal:
    """Why there is no connection.

    `sqlstate`: the answer of the server, None without an answer. `step`: the last step of the login.
    """

    sqlstate: str | None
    step: ConnStatus
    text: str
    timed_out: bool = False


def log_in(parts: Mapping[str, bytes]) -> Connection:
    """Open a connection with the parameters of a DSN, and libpq's variables for missing parameters.

    Raises TransientError if the server cannot be reached or is busy, PermanentError if it refuses the login.
    Neither shows a password.
    """
    conninfo = _conninfo({**DEFAULTS, **parts})
    pgconn = pq.PGconn.connect_start(conninfo)
    refusal = _finish_login(pgconn)
    if refusal:
        error = _error(pgconn, refusal, conninfo)
        pgconn.finish()
        raise error
    pgconn.nonblocking = 1
    connection = Connection(pgconn)
    connection.autocommit = True
    # a pooler would pass the prepared statements on to other clients
    connection.prepare_threshold = None
    return connection


def _conninfo(parts: Mapping[str, bytes]) -> bytes:
    escaped = {key: value.replace(b"\\", b"\\\\").replace(b"'", b"\\'") for key, value in parts.items()}
    return b" ".join(b"%s='%s'" % (key.encode(), value) for key, value in escaped.items())


def _finish_login(pgconn: PGconn) -> _Refusal | None:
    """Poll libpq until the login has succeeded or failed."""
    limit_s = _limit_s(_effective_parameters(pgconn))
    deadline = time.monotonic() + limit_s
    step = ConnStatus(pgconn.status)
    state = PollingStatus.FAILED if step == ConnStatus.BAD else PollingStatus.WRITING
    with _traced(pgconn) as answers, selectors.DefaultSelector() as selector:
        while state in {PollingStatus.READING, PollingStatus.WRITING}:
            wanted = selectors.EVENT_READ if state == PollingStatus.READING else selectors.EVENT_WRITE
            selector.register(pgconn.socket, wanted)
            is_ready = selector.select(max(0.0, deadline - time.monotonic()))
            selector.unregister(pgconn.socket)  # libpq may continue with another socket
            step = ConnStatus(pgconn.status)
            if not is_ready:
                return _Refusal(None, step, f"no answer within {limit_s} s", timed_out=True)
            state = PollingStatus(pgconn.connect_poll())
    if state == PollingStatus.OK:
        return None
    text = pgconn.error_message.decode(errors="replace")
    return _Refusal(answers[-1] if answers else None, step, text)


def _limit_s(used: Mapping[str, str]) -> int:
    """Return the time limit for all hosts together; at least 2 s for each, as in libpq."""
    given = used.get("connect_timeout", "").strip()
    hosts = 1 + (used.get("host") or used.get("hostaddr") or "").count(",")
    return hosts * max(2, int(given) if given.isdecimal() and int(given) else CONNECT_TIMEOUT_S)


@contextmanager
def _traced(pgconn: PGconn) -> Iterator[list[str]]:
    """Yield a list that contains, after the block, the SQLSTATE of each error response of the server.

    The trace stays in memory, because it can contain the password. The list is empty on systems without it.
    """
    answers: list[str] = []
    with ExitStack() as stack:
        with suppress(AttributeError, psycopg.NotSupportedError):
            trace = os.memfd_create("wwi-login")
            stack.callback(os.close, trace)
            pgconn.trace(trace)
            # called in reverse order: libpq flushes the trace when tracing ends
            stack.callback(
                lambda: answers.extend(map(bytes.decode, REFUSED.findall(os.pread(trace, 2**20, 0))))
            )
            stack.callback(pgconn.untrace)
        yield answers


def _effective_parameters(pgconn: PGconn) -> dict[str, str]:
    """Return the parameters that libpq uses, from the DSN, the service file and the environment."""
    with suppress(psycopg.Error):
        return {o.keyword.decode(): o.val.decode(errors="replace") for o in pgconn.info if o.val is not None}
    return {}


def _error(pgconn: PGconn, refusal: _Refusal, conninfo: bytes) -> Exception:
    used = _effective_parameters(pgconn)
    where = f"{used.get('user', '')}@{used.get('host', '')}:{used.get('port', '')}/{used.get('dbname', '')}"
    lines = refusal.text.strip().splitlines() or ["refused"]
    shown = f" {where}: {lines[0].rstrip('.')}"
    if any(secret in shown for secret in _secrets(pgconn)):
        shown = " (the reason is not shown, because it may contain the password)"
    if refusal.sqlstate:
        kind = TransientError if is_transient(refusal.sqlstate) else PermanentError
        fix = next((fix for start, fix in FIXES.items() if refusal.sqlstate.startswith(start)), "")
        return kind(f"no connection to the source{shown} (SQLSTATE {refusal.sqlstate}). {fix}".rstrip())
    kind = TransientError if _may_be_transient(pgconn, refusal, used, conninfo) else PermanentError
    return kind(f"no connection to the source{shown}. Check WWI_SOURCE_DSN, or run `wwi source up`.")


def _secrets(pgconn: PGconn) -> list[str]:
    """Return the passwords in use, including those in the environment, service file and password file.

    A user with unusual characters counts as a password, too; see ingestion/source/dsn.py.
    """
    values = [option.val for option in pgconn.info if option.dispchar == b"*"] + [pgconn.password]
    if not USER.fullmatch(pgconn.user):
        values.append(pgconn.user)
    return [value.decode(errors="replace") for value in values if value]


def _may_be_transient(pgconn: PGconn, refusal: _Refusal, used: Mapping[str, str], conninfo: bytes) -> bool:
    """Return whether a failure without an answer of the server may be transient."""
    if refusal.timed_out:
        return True
    if refusal.step not in NOT_REACHED:
        # permanent if encryption failed or the password is missing; else the server closed the connection
        return refusal.step not in ENCRYPTING and not pgconn.needs_password
    if refusal.step == ConnStatus.BAD and pq.PGconn.ping(conninfo) == pq.Ping.NO_ATTEMPT:
        return False  # libpq refuses a parameter
    return _may_resolve((used.get("hostaddr") or used.get("host") or "").split(",")[-1])


def _may_resolve(host: str) -> bool:
    """Return whether a host name has an address, or the name server does not answer at present."""
    if host.startswith(("/", "@")) or not host:
        return True  # a socket on this machine
    try:
        socket.getaddrinfo(host, None)
    except socket.gaierror as error:
        return error.errno == socket.EAI_AGAIN
    except ValueError:
        return False
    return True
