"""Log in to the source, and learn from a refusal what the server answered.

A refused login reaches the client as text in the server's language, and psycopg passes on no SQLSTATE. The
protocol has it: so libpq writes a trace of the login to memory, and the SQLSTATE is taken from there.
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
    # a reader that hears nothing for 10 s asks, and gives up after three unanswered questions
    "keepalives_idle": b"10",
    "keepalives_interval": b"5",
    "keepalives_count": b"3",
}
REFUSED = re.compile(rb'\tErrorResponse\t(?: [SV] "[^"]*")* C "([0-9A-Z]{5})"')
FIXES = {
    "28": "Check WWI_SOURCE_DSN (user, password), and pg_hba.conf of the server.",
    "3D": "Check WWI_SOURCE_DSN (database).",
    "42501": "Ask the source's owner to grant the login `connect` on the database.",
    "53": "All connections that the login may use are taken. Run again later, or lower WWI_READERS.",
    "57": "The source is starting, stopping or recovering. Run again when it is up.",
}
NOT_REACHED = {ConnStatus.BAD, ConnStatus.NEEDED, ConnStatus.STARTED}
ENCRYPTING = {ConnStatus.SSL_STARTUP, ConnStatus.GSS_STARTUP}


class Connection(psycopg.Connection[tuple[object, ...]]):
    """A connection to the source. `limit_s`: the limit of each statement in seconds, 0 for none."""

    limit_s: int = 0

    def close(self) -> None:
        """End the transaction and close. A pooler drops the server process of an unfinished one."""
        with suppress(psycopg.Error):
            if self.info.transaction_status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}:
                self.rollback()
        super().close()


@dataclass(frozen=True)
class _Refusal:
    """Why there is no connection.

    `sqlstate`: what the server answered, None if it did not. `step`: how far the login had come.
    """

    sqlstate: str | None
    step: ConnStatus
    text: str
    timed_out: bool = False


def log_in(parts: Mapping[str, bytes]) -> Connection:
    """Open a connection with the parameters of a DSN, and libpq's variables for what it leaves out.

    Raises TransientError when the server cannot be reached or is busy, PermanentError when it refuses the
    login. Neither shows a password.
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
    # behind a pooler, a prepared statement would stay with a server process that others use next
    connection.prepare_threshold = None
    return connection


def _conninfo(parts: Mapping[str, bytes]) -> bytes:
    escaped = {key: value.replace(b"\\", b"\\\\").replace(b"'", b"\\'") for key, value in parts.items()}
    return b" ".join(b"%s='%s'" % (key.encode(), value) for key, value in escaped.items())


def _finish_login(pgconn: PGconn) -> _Refusal | None:
    """Do what libpq asks for until the login has succeeded or failed."""
    limit_s = _limit_s(_used(pgconn))
    deadline = time.monotonic() + limit_s
    step = ConnStatus(pgconn.status)
    state = PollingStatus.FAILED if step == ConnStatus.BAD else PollingStatus.WRITING
    with _traced(pgconn) as answers, selectors.DefaultSelector() as selector:
        while state in {PollingStatus.READING, PollingStatus.WRITING}:
            wanted = selectors.EVENT_READ if state == PollingStatus.READING else selectors.EVENT_WRITE
            selector.register(pgconn.socket, wanted)
            is_ready = selector.select(max(0.0, deadline - time.monotonic()))
            selector.unregister(pgconn.socket)  # libpq may go on with another socket
            step = ConnStatus(pgconn.status)
            if not is_ready:
                return _Refusal(None, step, f"no answer within {limit_s} s", timed_out=True)
            state = PollingStatus(pgconn.connect_poll())
    if state == PollingStatus.OK:
        return None
    text = pgconn.error_message.decode(errors="replace")
    return _Refusal(answers[-1] if answers else None, step, text)


def _limit_s(used: Mapping[str, str]) -> int:
    """The time that all hosts together get; like libpq, never less than 2 s for each."""
    given = used.get("connect_timeout", "").strip()
    hosts = 1 + (used.get("host") or used.get("hostaddr") or "").count(",")
    return hosts * max(2, int(given) if given.isdecimal() and int(given) else CONNECT_TIMEOUT_S)


@contextmanager
def _traced(pgconn: PGconn) -> Iterator[list[str]]:
    """Yield a list that holds, after the block, the SQLSTATE of each error that the server answered.

    The trace stays in memory, because it can hold the password. Where there is none, the list stays empty.
    """
    answers: list[str] = []
    with ExitStack() as stack:
        with suppress(AttributeError, psycopg.NotSupportedError):
            trace = os.memfd_create("wwi-login")
            stack.callback(os.close, trace)
            pgconn.trace(trace)
            # what is registered last is called first: libpq writes the trace out when it ends
            stack.callback(
                lambda: answers.extend(map(bytes.decode, REFUSED.findall(os.pread(trace, 2**20, 0))))
            )
            stack.callback(pgconn.untrace)
        yield answers


def _used(pgconn: PGconn) -> dict[str, str]:
    """The parameters that libpq uses: those of the DSN, of the service file, of the environment."""
    with suppress(psycopg.Error):
        return {o.keyword.decode(): o.val.decode(errors="replace") for o in pgconn.info if o.val is not None}
    return {}


def _error(pgconn: PGconn, refusal: _Refusal, conninfo: bytes) -> Exception:
    used = _used(pgconn)
    where = f"{used.get('user', '')}@{used.get('host', '')}:{used.get('port', '')}/{used.get('dbname', '')}"
    lines = refusal.text.strip().splitlines() or ["refused"]
    shown = f" {where}: {lines[0].rstrip('.')}"
    if any(secret in shown for secret in _secrets(pgconn)):
        shown = " (the reason is not shown, because it may contain the password)"
    if refusal.sqlstate:
        kind = TransientError if is_transient(refusal.sqlstate) else PermanentError
        fix = next((fix for start, fix in FIXES.items() if refusal.sqlstate.startswith(start)), "")
        return kind(f"no connection to the source{shown} (SQLSTATE {refusal.sqlstate}). {fix}".rstrip())
    kind = TransientError if _may_pass(pgconn, refusal, used, conninfo) else PermanentError
    return kind(f"no connection to the source{shown}. Check WWI_SOURCE_DSN, or run `wwi source up`.")


def _secrets(pgconn: PGconn) -> list[str]:
    """Passwords in use, also those of the environment, the service file and the password file.

    So is a user with characters that a user rarely has, see source_dsn.
    """
    values = [option.val for option in pgconn.info if option.dispchar == b"*"] + [pgconn.password]
    if not USER.fullmatch(pgconn.user):
        values.append(pgconn.user)
    return [value.decode(errors="replace") for value in values if value]


def _may_pass(pgconn: PGconn, refusal: _Refusal, used: Mapping[str, str], conninfo: bytes) -> bool:
    """Return whether a failure of which the server said nothing may go away by itself."""
    if refusal.timed_out:
        return True
    if refusal.step not in NOT_REACHED:
        # the encryption or the password is not as one side wants it; else the server hung up
        return refusal.step not in ENCRYPTING and not pgconn.needs_password
    if refusal.step == ConnStatus.BAD and pq.PGconn.ping(conninfo) == pq.Ping.NO_ATTEMPT:
        return False  # a parameter that libpq refuses
    return _may_be_found((used.get("hostaddr") or used.get("host") or "").split(",")[-1])


def _may_be_found(host: str) -> bool:
    """Return whether a host name has an address, or the name server does not answer now."""
    if host.startswith(("/", "@")) or not host:
        return True  # a socket of this machine
    try:
        socket.getaddrinfo(host, None)
    except socket.gaierror as error:
        return error.errno == socket.EAI_AGAIN
    except ValueError:
        return False
    return True
