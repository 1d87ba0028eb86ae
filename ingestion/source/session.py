"""Begin a transaction at the source in which nothing depends on settings made elsewhere.

A role, a database, PGOPTIONS or a pooler's previous client may have set anything. What changes values, rows
or waiting is set here, for the transaction alone: behind a pooler, a session is shared with others.
"""

from dataclasses import dataclass
from typing import Literal

from psycopg import sql

from config.errors import PermanentError
from ingestion.source.errors import LOCK_TIMEOUT_S, translated
from ingestion.source.login import Connection

Isolation = Literal["read committed", "repeatable read"]

# name -> value, and the first version of Postgres that has it. Those that end a session come first: each
# takes effect at once, also on the statements after it.
LIMITS = {
    "lock_timeout": (f"'{LOCK_TIMEOUT_S}s'", 12),
    "idle_in_transaction_session_timeout": ("0", 12),
    "idle_session_timeout": ("0", 14),
    "transaction_timeout": ("0", 17),
}
VALUES = {
    "row_security": ("off", 12),  # rows that a policy hides would look deleted: Postgres raises an error
    "quote_all_identifiers": ("off", 12),  # regclass and the like, names of types, search_path itself
    "search_path": ("pg_catalog, pg_temp", 12),  # no function or operator in place of Postgres's own
    "client_encoding": ("'UTF8'", 12),
    "timezone": ("'UTC'", 12),
    "datestyle": ("'ISO, YMD'", 12),
    "intervalstyle": ("'iso_8601'", 12),
    "bytea_output": ("'hex'", 12),
    "extra_float_digits": ("1", 12),
    "lc_monetary": ("'C'", 12),  # money within arrays and composites
    "standard_conforming_strings": ("on", 12),  # our own literals
}
# read back after the transaction has begun
HELD = {"timezone": "UTC", "row_security": "off", "search_path": "pg_catalog, pg_temp"}


@dataclass(frozen=True)
class Transaction:
    """How a transaction begins. `limit_s`: limit of each statement. `snapshot`: the exported one to share."""

    isolation: Isolation
    limit_s: int
    snapshot: str | None = None


def begin(connection: Connection, transaction: Transaction) -> None:
    """Begin a read-only transaction. It ends with the connection.

    Raises PermanentError when a pooler does not keep it.
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
        # one message: a time limit of the role cannot end the session in between
        connection.execute("; ".join(statements).encode())
    connection.limit_s = transaction.limit_s
    check_held(connection, transaction.isolation)


def set_limit(connection: Connection, limit_s: int) -> None:
    """Limit each statement from now on."""
    connection.execute(f"set local statement_timeout = '{limit_s}s'".encode())
    connection.limit_s = limit_s


def check_held(connection: Connection, isolation: Isolation) -> None:
    """Raise PermanentError when the settings of the transaction are not in force at the next statement."""
    expected = {**HELD, "transaction_isolation": isolation}
    query = sql.SQL("select {}").format(
        sql.SQL(", ").join(
            sql.SQL("pg_catalog.current_setting({})").format(sql.Literal(name)) for name in expected
        )
    )
    with translated("beginning a transaction"):
        found = connection.execute(query).fetchone()
    if found != tuple(expected.values()):
        raise PermanentError(
            "the connection to the source does not keep a transaction: a connection pooler shares it by "
            "statement. Let WWI_SOURCE_DSN name the server itself, or a pool with pool_mode = session or "
            "transaction."
        )
