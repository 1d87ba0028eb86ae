"""Read the source: connections, the source snapshot that all readers share, counts, and COPY.

Every connection is one read-only transaction. While a batch reads, nobody may truncate or alter a table (a
snapshot does not protect against that), and all connections must see one state. So the coordinator first
takes a shared lock on every table and then exports its snapshot, which the readers import. It uses READ
COMMITTED, because in REPEATABLE READ its snapshot would be older than its locks.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import psycopg
from psycopg import generators, sql
from psycopg.abc import PQGen
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn
from psycopg.waiting import Wait

from config.errors import PermanentError, TransientError
from config.loopback import without_libpq_variables
from config.settings import Settings
from ingestion.read_window import Snapshot, Window, Xids
from ingestion.source import dsn
from ingestion.source import sql as source_sql
from ingestion.source.errors import LOCK_TIMEOUT_S, translated
from ingestion.source.login import CONNECT_TIMEOUT_S, Connection, log_in
from ingestion.source.session import Transaction, begin, set_limit
from metadata.spec import Catalog, Lookup, Table


@dataclass(frozen=True)
class SourceSnapshot:
    """An exported snapshot of the source: its name, its transaction ids, and the source's time.

    `applied_dts`: the business clock of the source if it has one, else the time in UTC. `tables`: the locked
    tables.
    """

    exported_as: str
    snapshot: Snapshot
    source_system: str
    applied_dts: datetime
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class CountRequest:
    """A table to count, the other tables that its control totals need, and the window to count.

    `unfinished`: the range of transactions in which to record the ended ones.
    """

    table: Table
    lookups: tuple[Lookup, ...]
    window: Window
    unfinished: Xids | None


@dataclass(frozen=True)
class TableCount:
    """The counts of a table in the snapshot: rows, rows in the window, control totals, ended transactions."""

    rows: int
    changed: int
    controls: Mapping[str, Decimal]
    ended: frozenset[int] = frozenset()


@dataclass(frozen=True)
class DayTotals:
    """Row count and control totals of a table for one day, as ISO text (None: rows without a day)."""

    day: str | None
    values: Mapping[str, Decimal]


def reader_grants(catalog: Catalog, role: str = "wwi_reader") -> list[str]:
    """Return the SQL that grants `role` exactly the loaded columns, column by column, without secret ones.

    The system column xmin needs an explicit grant.
    """
    return [grant.as_string(None) for grant in source_sql.reader_grants(catalog, role)]


def connect(settings: Settings) -> Connection:
    """Connect to the source and begin a READ COMMITTED transaction. The caller closes the connection.

    Raises PermanentError if the DSN, login or database is wrong, TransientError if there is no answer.
    Neither shows the password.
    """
    return _connect(settings, Transaction("read committed", settings.query_timeout_s))


def export_snapshot(connection: Connection, tables: Sequence[Table]) -> SourceSnapshot:
    """Lock the tables and export a snapshot of them. Both last until the connection is closed."""
    limit_s = connection.limit_s
    _lock(connection, tables)
    with translated("taking the snapshot", limit_s):
        set_limit(connection, limit_s)
        snapshot, source_system, exported_as, applied_dts = _fetch_row(connection, _EXPORT)
    assert isinstance(applied_dts, datetime)
    return SourceSnapshot(
        str(exported_as), Snapshot.parse(str(snapshot)), str(source_system), applied_dts, tuple(tables)
    )


def open_reader(settings: Settings, exported: SourceSnapshot) -> Connection:
    """Open a connection that reads the exported snapshot until it is closed.

    It locks the tables, too: later it could wait for a statement that waits for the coordinator.
    """
    connection = _connect(
        settings, Transaction("repeatable read", settings.copy_timeout_s, exported.exported_as)
    )
    try:
        _lock(connection, exported.tables)
        with translated("sharing the snapshot", connection.limit_s):
            set_limit(connection, settings.copy_timeout_s)
            seen = _fetch_row(connection, _STATE)
        if seen != (exported.snapshot.text, exported.source_system):
            raise PermanentError(
                "the connections to the source reach different servers, so they cannot share a snapshot. "
                "Set WWI_SOURCE_DSN to one server, not to a load balancer."
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(settings: Settings, transaction: Transaction) -> Connection:
    parts = dsn.parse(settings.resolve_source_dsn())
    # libpq's variables are for an external source, not for the local one
    with without_libpq_variables() if settings.source_dsn is None else nullcontext():
        connection = log_in(parts)
    try:
        begin(connection, transaction)
    except BaseException:
        connection.close()
        raise
    return connection


def _lock(connection: Connection, tables: Sequence[Table]) -> None:
    """Lock the tables against truncate and alter, in one statement, until the transaction ends.

    Unlike LOCK, an empty select works with column rights only.
    """
    nothing = sql.SQL(" union all ").join(
        sql.SQL("(select 1 from {} limit 0)").format(source_sql.name_of(table)) for table in tables
    )
    with translated("locking the tables"):
        # lock_timeout applies to each table, statement_timeout to all together
        set_limit(connection, LOCK_TIMEOUT_S)
        try:
            connection.execute(nothing)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled) as error:
            blocked = error
        else:
            return
    raise TransientError(
        f"the source's tables could not be locked within {LOCK_TIMEOUT_S} s: "
        f"{_blockers(connection, tables)}. Run again when that session has ended."
    ) from blocked


def _blockers(connection: Connection, tables: Sequence[Table]) -> str:
    """List the sessions that hold or wait for an exclusive lock on one of the tables."""
    with suppress(psycopg.Error):
        connection.execute("rollback")
        rows = connection.execute(_BLOCKERS, [[table.qualified for table in tables]]).fetchall()
        if rows:
            return ", ".join(f"{name} is locked by the session with pid {pid}" for name, pid in rows)
    return "another session holds or waits for an exclusive lock"


def count_tables(connection: Connection, wanted: Sequence[CountRequest]) -> dict[str, TableCount]:
    """Count these tables in one query: rows, rows in the window, control totals."""
    if not wanted:
        return {}
    parts = [source_sql.count_rows(each.table, each.lookups, each.window, each.unfinished) for each in wanted]
    with translated("counting the source's rows", connection.limit_s):
        rows = connection.execute(sql.SQL(" union all ").join(parts)).fetchall()
    counts = {}
    controls = {each.table.qualified: tuple(each.table.controls) for each in wanted}
    for name, total, changed, sums, ended in rows:
        assert isinstance(total, int) and isinstance(changed, int) and isinstance(sums, list)  # noqa: PT018
        values = dict(zip(controls[str(name)], map(Decimal, sums), strict=True))
        xids = frozenset(map(int, ended)) if isinstance(ended, list) else frozenset[int]()
        counts[str(name)] = TableCount(total, changed, values, xids)
    return counts


def count_days(connection: Connection, table: Table, lookups: Sequence[Lookup]) -> list[DayTotals]:
    """Return the control totals of each day, ordered by day; rows without a day come last."""
    with translated(f"adding up {table.qualified} by day", connection.limit_s):
        rows = connection.execute(source_sql.count_days(table, lookups) + sql.SQL(" order by 1")).fetchall()
    totals = []
    for text, count, sums in rows:
        assert isinstance(count, int) and isinstance(sums, list)  # noqa: PT018
        values = dict(zip(table.controls, map(Decimal, sums), strict=True))
        totals.append(DayTotals(None if text is None else str(text), {"rows": Decimal(count), **values}))
    return totals


def copy_out(
    connection: Connection, query: sql.Composed, block_bytes: int
) -> Generator[bytearray, None, None]:
    """Yield the result of the query as CSV, in blocks of complete rows of about `block_bytes` each.

    libpq returns one row at a time, so a block never ends within a row, even if values contain newlines.
    """
    statement = sql.SQL("copy ({}) to stdout (format csv)").format(query)
    with connection.cursor() as cursor, cursor.copy(statement):
        is_last = False
        while not is_last:
            block, is_last = connection.wait(_next_block(connection.pgconn, block_bytes))
            if block:
                yield block


def _next_block(pgconn: PGconn, block_bytes: int) -> PQGen[tuple[bytearray, bool]]:
    """Fetch rows from libpq until the block is full. Return it, and whether the copy has ended.

    psycopg's Copy sets up a wait for each row, which costs more than all other work; this does it for each
    block. Yields whenever libpq has to wait for the server.
    """
    block = bytearray()
    take = pgconn.get_copy_data
    while len(block) < block_bytes:
        size, row = take(1)
        if size > 0:
            block += row
        elif size == 0:
            while not (yield Wait.R):
                pass
            pgconn.consume_input()
        else:
            (result,) = yield from generators.fetch_many(pgconn)
            if result.status != ExecStatus.COMMAND_OK:
                raise psycopg.errors.error_from_result(result)
            return block, True
    return block, False


def cancel_query(connection: Connection) -> None:
    """Cancel the running statement of the connection, from another thread."""
    with suppress(psycopg.Error):
        connection.cancel_safe(timeout=CONNECT_TIMEOUT_S)


def _fetch_row(connection: Connection, query: str) -> tuple[object, ...]:
    """Return the row of a state query. Before Postgres 13, the snapshot function has another name."""
    if connection.info.server_version < 130000:
        query = query.replace("pg_current_snapshot", "txid_current_snapshot")
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row


# The timeline changes on failover to a standby, which may have lost the last transactions.
_STATE = """
select
    pg_current_snapshot()::text,
    s.system_identifier || '/' || k.timeline_id || '/' || current_database()
from pg_control_system() as s
cross join pg_control_checkpoint() as k
"""

# The business clock if the source has one (simulations do), else the time in UTC.
_EXPORT = f"""
select
    state.*,
    pg_export_snapshot(),
    coalesce(nullif(current_setting('wwi.business_clock', true), '')::timestamp, localtimestamp)
from ({_STATE}) as state (snapshot, source_system)
"""

_BLOCKERS = """
select distinct n.nspname || '.' || c.relname, l.pid
from pg_catalog.pg_locks as l
inner join pg_catalog.pg_class as c on c.oid = l.relation
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where
    l.mode = 'AccessExclusiveLock'
    and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())
    and n.nspname || '.' || c.relname = any(%s)
order by 1, 2
limit 5
"""
