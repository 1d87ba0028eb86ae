"""Begin a transaction at the source that does not depend on settings of the role or environment.

A role, a database, PGOPTIONS or the previous client of a pooler may have changed any setting. All settings
that affect values, rows or waiting are set here, for the transaction only, because a pooler shares sessions.
"""

from dataclasses import dataclass
from typing import Literal

from psycopg import sql

from config.errors import PermanentError
from ingestion.source.errors import LOCK_TIMEOUT_S, translated
from ingestion.source.login import Connection

Isolation = Literal["read committed", "repeatable read"]

# name -> value, and the first Postgres version with it. Settings that can end a session come first, because
# they take effect at once.
LIMITS = {
    "lock_timeout": (f"'{LOCK_TIMEOUT_S}s'", 12),
    "idle_in_transaction_session_timeout": ("0", 12),
    "idle_session_timeout": ("0", 14),
    "transaction_timeout": ("0", 17),
}
VALUES = {
    "row_security": ("off", 12),  # raise an error instead of hiding rows, which would look deleted
    "quote_all_identifiers": ("off", 12),  # affects regclass, type names and search_path itself
    "search_path": ("pg_catalog, pg_temp", 12),  # no user-defined functions or operators
    "client_encoding": ("'UTF8'", 12),
    "timezone": ("'UTC'", 12),
    "datestyle": ("'ISO, YMD'", 12),
    "intervalstyle": ("'iso_8601'", 12),
    "bytea_output": ("'hex'", 12),
    "extra_float_digits": ("1", 12),
    "lc_monetary": ("'C'", 12),  # money in arrays and composites
    "standard_conforming_strings": ("on", 12),  # affects our literals
}
# checked after the transaction has begun
CHECKED_SETTINGS = {"timezone": "UTC", "row_security": "off", "search_path": "pg_catalog, pg_temp"}


@dataclass(frozen=True)
class Transaction:
    """Options of a transaction. `limit_s`: time limit of each statement. `snapshot`: the one to import."""

    isolation: Isolation
    limit_s: int
    snapshot: str | None = None


def begin(connection: Connection, transaction: Transaction) -> None:
    """Begin a read-only transaction, which ends with the connection.

    Raises PermanentError if a pooler does not keep the transaction.
    """
    version = connection.info.server_version // 10000
    settings = [
        f"set local {name} = {value}"
        for name, (value, since) in {**LIMITS, **VALUES}.items()
        if version >= since
    ]
    statements = [
        f"begin transaction isolation level {transaction.isolation}, read only, not deferrable",
        f"set local statement_timeout = '{transaction.limit_s}s'",
        *settings,
    ]
    if transaction.snapshot:
        statements.append(f"set transaction snapshot {sql.Literal(transaction.snapshot).as_string(None)}")
    with translated("beginning a transaction"):
        # one message, so that a time limit of the role cannot end the session in between
        connection.execute("; ".join(statements).encode())
    connection.limit_s = transaction.limit_s
    check_in_force(connection, transaction.isolation)


def set_limit(connection: Connection, limit_s: int) -> None:
    """Set the time limit of each following statement."""
    connection.execute(f"set local statement_timeout = '{limit_s}s'".encode())
    connection.limit_s = limit_s


def check_in_force(connection: Connection, isolation: Isolation) -> None:
    """Raise PermanentError if the settings of the transaction do not apply to the next statement."""
    expected = {**CHECKED_SETTINGS, "transaction_isolation": isolation}
    query = sql.SQL("select {}").format(
        sql.SQL(", ").join(
            sql.SQL("pg_catalog.current_setting({})").format(sql.Literal(name)) for name in expected
        )
    )
    with translated("beginning a transaction"):
        found = connection.execute(query).fetchone()
    if found != tuple(expected.values()):
        raise PermanentError(
            "the connection to the source does not keep a transaction: a connection pooler uses "
            "pool_mode = statement. Set WWI_SOURCE_DSN to the server itself, or to a pool with pool_mode = "
            "session or transaction."
        )
