"""The edge to the source: connections, the picture that all readers share, counts, and COPY.

Every connection is one read-only transaction. What must hold while a batch reads: nobody truncates or alters
a table (a snapshot does not protect against that), and all connections see one state. So the coordinator
first holds a shared lock on every table and then exports its snapshot, which the readers take over. It runs
in READ COMMITTED, because in REPEATABLE READ its own snapshot would be older than its locks.
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
class Picture:
    """One state of the source: the exported snapshot's name, what it is, and the source's clock at it.

    `applied_dts`: the business clock that the source keeps, else the time in UTC. `tables`: those it locks.
    """

    exported_as: str
    snapshot: Snapshot
    source_system: str
    applied_dts: datetime
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class ToCount:
    """A table, what its control totals need of other tables, and the window whose rows are counted.

    `unfinished`: the range of transactions to note the ended ones of.
    """

    table: Table
    lookups: tuple[Lookup, ...]
    window: Window
    unfinished: Xids | None


@dataclass(frozen=True)
class TableCount:
    """What a table holds within the picture: rows, rows in the window, control totals, ended transactions."""

    rows: int
    changed: int
    controls: Mapping[str, Decimal]
    ended: frozenset[int] = frozenset()


@dataclass(frozen=True)
class DayTotals:
    """What a table holds of one day, as ISO text (None: rows of no day): its rows and its control totals."""

    day: str | None
    values: Mapping[str, Decimal]


def reader_grants(catalog: Catalog, role: str = "wwi_reader") -> list[str]:
    """Return the SQL that lets `role` read what the platform loads: no table as a whole, no secret column.

    The system column xmin wants a grant of its own, as column grants do not cover it.
    """
    return [grant.as_string(None) for grant in source_sql.reader_grants(catalog, role)]


def connect(settings: Settings) -> Connection:
    """Connect to the source and begin a transaction that sees what is committed. The caller closes it.

    Raises PermanentError when the DSN, login or database is wrong, TransientError when nobody answers.
    Neither shows the password.
    """
    return _connect(settings, Transaction("read committed", settings.query_timeout_s))


def open_picture(connection: Connection, tables: Sequence[Table]) -> Picture:
    """Hold the tables still and export one snapshot of them, until the connection is closed."""
    limit_s = connection.limit_s
    _lock(connection, tables)
    with translated("taking the snapshot", limit_s):
        set_limit(connection, limit_s)
        snapshot, source_system, exported_as, applied_dts = _asked(connection, _EXPORT)
    assert isinstance(applied_dts, datetime)
    return Picture(
        str(exported_as), Snapshot.parse(str(snapshot)), str(source_system), applied_dts, tuple(tables)
    )


def open_reader(settings: Settings, picture: Picture) -> Connection:
    """Open a connection that sees the picture, and nothing but it, until it is closed.

    It locks the tables, too: later it would wait behind a statement that waits for the coordinator.
    """
    connection = _connect(
        settings, Transaction("repeatable read", settings.copy_timeout_s, picture.exported_as)
    )
    try:
        _lock(connection, picture.tables)
        with translated("sharing the snapshot", connection.limit_s):
            set_limit(connection, settings.copy_timeout_s)
            seen = _asked(connection, _STATE)
        if seen != (picture.snapshot.text, picture.source_system):
            raise PermanentError(
                "the connections to the source lead to different servers, so they cannot read one snapshot. "
                "Let WWI_SOURCE_DSN name one server, not a load balancer."
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(settings: Settings, transaction: Transaction) -> Connection:
    parts = dsn.parse(settings.resolve_source_dsn())
    # libpq's variables are meant for a source that somebody named, not for the one of this machine
    with without_libpq_variables() if settings.source_dsn is None else nullcontext():
        connection = log_in(parts)
    try:
        begin(connection, transaction)
    except BaseException:
        connection.close()
        raise
    return connection


def _lock(connection: Connection, tables: Sequence[Table]) -> None:
    """Lock the tables against truncate and alter, all in one statement, for as long as the transaction lasts.

    An empty select needs no right on the whole table as LOCK does.
    """
    nothing = sql.SQL(" union all ").join(
        sql.SQL("(select 1 from {} limit 0)").format(source_sql.name_of(table)) for table in tables
    )
    with translated("locking the tables"):
        # lock_timeout counts for each table, statement_timeout for all of them together
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
    """Name the sessions that hold or wait for an exclusive lock on one of the tables."""
    with suppress(psycopg.Error):
        connection.execute("rollback")
        rows = connection.execute(_BLOCKERS, [[table.qualified for table in tables]]).fetchall()
        if rows:
            return ", ".join(f"{name} is locked by the session with pid {pid}" for name, pid in rows)
    return "another session holds or wants an exclusive lock"


def count_tables(connection: Connection, wanted: Sequence[ToCount]) -> dict[str, TableCount]:
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
    """Return the control totals of each day, in order of the days; the rows of no day come last."""
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
    """Yield the query's result as CSV in blocks of whole rows, each of about `block_bytes`.

    libpq hands over one row at a time, so a block never ends within a row, whatever newlines it holds;
    nothing here looks into a row.
    """
    statement = sql.SQL("copy ({}) to stdout (format csv)").format(query)
    with connection.cursor() as cursor, cursor.copy(statement):
        is_last = False
        while not is_last:
            block, is_last = connection.wait(_next_block(connection.pgconn, block_bytes))
            if block:
                yield block


def _next_block(pgconn: PGconn, block_bytes: int) -> PQGen[tuple[bytearray, bool]]:
    """Take rows from libpq until the block is full. Returns it, and whether the copy has ended.

    What psycopg's own Copy does for each row, done for each block: setting up one wait per row costs more
    than everything else that reading it takes. Yields whenever libpq has to wait for the server.
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


def break_off(connection: Connection) -> None:
    """Cancel what the connection is doing, from another thread."""
    with suppress(psycopg.Error):
        connection.cancel_safe(timeout=CONNECT_TIMEOUT_S)


def _asked(connection: Connection, query: str) -> tuple[object, ...]:
    """Return the one row of a query about the state; before Postgres 13 its snapshot has another name."""
    if connection.info.server_version < 130000:
        query = query.replace("pg_current_snapshot", "txid_current_snapshot")
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row


# The timeline tells a source that failed over to a standby, which may have lost its last transactions.
_STATE = """
select
    pg_current_snapshot()::text,
    s.system_identifier || '/' || k.timeline_id || '/' || current_database()
from pg_control_system() as s
cross join pg_control_checkpoint() as k
"""

# The clock is the business's own when the source keeps one (a simulation does), else the time in UTC.
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
