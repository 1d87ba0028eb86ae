"""Errors of Postgres as errors of the platform: transient or permanent, and what to do.

They are told apart by SQLSTATE. The texts are in the language of the server and say nothing to a program.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from config.errors import PermanentError, TransientError

# nobody can wait behind us for longer, and we wait behind nobody for longer
LOCK_TIMEOUT_S = 5

# connection, rollback by the server (deadlock, conflict with recovery), resources (connections, disk, memory)
TRANSIENT_CLASSES = ("08", "40", "53")
TRANSIENT_STATES = frozenset(
    {
        "25P03",  # idle_in_transaction_session_timeout
        "25P04",  # transaction_timeout
        "55006",  # object in use
        "55P03",  # lock_timeout
        "57P01",  # shutdown by an administrator, also pg_terminate_backend
        "57P02",  # shutdown after a crash
        "57P03",  # starting up, shutting down or recovering
        "57P05",  # idle_session_timeout
        "72000",  # snapshot too old
    }
)
SESSION_ENDED = {"57P01", "57P02", "57P03"}
RUN_AGAIN = "Run again later."
ROW_SECURITY = "row security"
FIXES = {
    "08P01": "A connection pooler needs pool_mode = session or transaction, and a connection for each of "
    "WWI_READERS and one more. Run again later.",
    "42501": "Ask the source's owner for that right.",
    "55P03": f"Another session keeps a lock on a table for over {LOCK_TIMEOUT_S} s. Run again later.",
    ROW_SECURITY: "A hidden row looks like a deleted one. Let the login read all rows: "
    "`alter role ... bypassrls;`",
}
NO_UTF8 = {"22021", "22P05"}
CONNECTION_LOST = (psycopg.OperationalError, psycopg.InterfaceError)


def is_transient(sqlstate: str) -> bool:
    """Return whether the same call may work later, although nobody changes anything."""
    return sqlstate in TRANSIENT_STATES or sqlstate.startswith(TRANSIENT_CLASSES)


@contextmanager
def translated(what: str, limit_s: int = 0) -> Iterator[None]:
    """Turn psycopg's errors into ours, with what was tried and what to do.

    `limit_s`: the statement_timeout that holds in the block. With 0, what it cancels counts as transient.
    """
    began = time.monotonic()
    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        raise _cancelled(what, error, limit_s, time.monotonic() - began) from error
    except psycopg.Error as error:
        raise _ours(what, error) from error


def brief(error: psycopg.Error) -> str:
    """The server's first line; what follows can quote values of rows."""
    text = error.diag.message_primary or str(error)
    return text.strip().splitlines()[0].rstrip(".") if text.strip() else type(error).__name__


def _cancelled(what: str, error: psycopg.Error, limit_s: int, seconds: float) -> Exception:
    # the server sends one SQLSTATE for both; its timer never ends before the limit
    if limit_s and seconds >= limit_s:
        return PermanentError(
            f"{what}: {brief(error)} after {limit_s} s. Raise WWI_QUERY_TIMEOUT_S or WWI_COPY_TIMEOUT_S "
            "(seconds)."
        )
    return TransientError(
        f"{what}: {brief(error)}. Somebody cancelled it at the source, or it took longer than "
        "WWI_QUERY_TIMEOUT_S. Run again."
    )


def _ours(what: str, error: psycopg.Error) -> Exception:
    state = error.sqlstate or ""
    if state in SESSION_ENDED or (not state and isinstance(error, CONNECTION_LOST)):
        return TransientError(f"{what}: the source was lost ({brief(error)}). Run again when it is back.")
    if is_transient(state):
        return TransientError(f"{what}: {brief(error)} (SQLSTATE {state}). {FIXES.get(state, RUN_AGAIN)}")
    if state in NO_UTF8:
        return PermanentError(
            f"{what}: a text cannot be sent as UTF-8 ({brief(error)}). Correct it in the source, where "
            "convert_to(column, 'SQL_ASCII') shows its bytes."
        )
    if error.diag.source_function == "check_enable_rls":  # the name of a C function, the same in any language
        state = ROW_SECURITY
    return PermanentError(". ".join([f"{what}: {brief(error)}", *([FIXES[state]] if state in FIXES else [])]))
