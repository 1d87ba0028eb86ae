"""Translate errors of Postgres to transient or permanent errors that say what to do.

The SQLSTATE decides. The texts cannot be used, because they are in the language of the server.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from config.errors import PermanentError, TransientError

# the longest time that we wait for a lock, and that others wait for ours
LOCK_TIMEOUT_S = 5

# connection, rollback by the server (deadlock, recovery conflict), resources (connections, disk, memory)
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
    "08P01": "A connection pooler needs pool_mode = session or transaction, and one connection more than "
    "WWI_READERS. Run again later.",
    "42501": "Ask the owner of the source for this right.",
    "55P03": f"Another session has held a lock on a table for over {LOCK_TIMEOUT_S} s. Run again later.",
    ROW_SECURITY: "A hidden row looks like a deleted one. Let the login read all rows: "
    "`alter role ... bypassrls;`",
}
NO_UTF8 = {"22021", "22P05"}
CONNECTION_LOST = (psycopg.OperationalError, psycopg.InterfaceError)


def is_transient(sqlstate: str) -> bool:
    """Return whether the same call may work later without any change."""
    return sqlstate in TRANSIENT_STATES or sqlstate.startswith(TRANSIENT_CLASSES)


@contextmanager
def translated(what: str, limit_s: int = 0) -> Iterator[None]:
    """Translate psycopg's errors in the block, with what was tried and what to do.

    `limit_s`: the statement_timeout in the block. With 0, a statement that it cancels counts as transient.
    """
    began = time.monotonic()
    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        raise _cancelled(what, error, limit_s, time.monotonic() - began) from error
    except psycopg.Error as error:
        raise _translate(what, error) from error


def first_line(error: psycopg.Error) -> str:
    """Return the first line of the server's message; the rest can contain values of rows."""
    text = error.diag.message_primary or str(error)
    return text.strip().splitlines()[0].rstrip(".") if text.strip() else type(error).__name__


def _cancelled(what: str, error: psycopg.Error, limit_s: int, seconds: float) -> Exception:
    # the SQLSTATE of a timeout and a cancellation is the same; a timeout never comes before the limit
    if limit_s and seconds >= limit_s:
        return PermanentError(
            f"{what}: {first_line(error)} after {limit_s} s. Raise WWI_QUERY_TIMEOUT_S or WWI_COPY_TIMEOUT_S "
            "(seconds)."
        )
    return TransientError(
        f"{what}: {first_line(error)}. It was cancelled at the source, or took longer than "
        "WWI_QUERY_TIMEOUT_S. Run again."
    )


def _translate(what: str, error: psycopg.Error) -> Exception:
    state = error.sqlstate or ""
    if state in SESSION_ENDED or (not state and isinstance(error, CONNECTION_LOST)):
        return TransientError(
            f"{what}: the source was lost ({first_line(error)}). Run again when it is back."
        )
    if is_transient(state):
        return TransientError(
            f"{what}: {first_line(error)} (SQLSTATE {state}). {FIXES.get(state, RUN_AGAIN)}"
        )
    if state in NO_UTF8:
        return PermanentError(
            f"{what}: a text cannot be sent as UTF-8 ({first_line(error)}). Correct it in the source; "
            "convert_to(column, 'SQL_ASCII') shows its bytes."
        )
    if (
        error.diag.source_function == "check_enable_rls"
    ):  # the name of a C function does not depend on the language
        state = ROW_SECURITY
    return PermanentError(
        ". ".join([f"{what}: {first_line(error)}", *([FIXES[state]] if state in FIXES else [])])
    )
