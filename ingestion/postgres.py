"""The edge to the source: connections, the picture that all readers share, counts, and COPY.

What must hold while a batch reads: nobody truncates or alters a table (a snapshot does not protect against
that), and all connections see one state. So the coordinator first holds a shared lock on every table and then
exports its snapshot, which the readers take over. It runs in READ COMMITTED, because in REPEATABLE READ its
own snapshot would be older than its locks.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import psycopg
from psycopg import generators, sql
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn
from psycopg.waiting import Wait

from ingestion import source_sql
from ingestion.errors import PermanentError
from ingestion.loopback import without_libpq_variables
from ingestion.plan import Snapshot, Window, Xids
from ingestion.settings import Settings
from ingestion.source_errors import LOCK_TIMEOUT_S, connect_error, translated
from metadata.spec import Catalog, Lookup, Table

Connection = psycopg.Connection[tuple[object, ...]]

CONNECT_TIMEOUT_S = 10
# a reader that hears nothing for 10 s asks, and gives up after three unanswered questions
KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
SESSION = (
    "set client_encoding = 'UTF8'",
    "set datestyle = 'ISO, YMD'",
    "set intervalstyle = 'iso_8601'",
    "set bytea_output = 'hex'",
    "set extra_float_digits = 1",
    "set idle_in_transaction_session_timeout = 0",
)


@dataclass(frozen=True)
class Picture:
    """One state of the source: the exported snapshot's name, what it is, and the source's clock at it."""

    exported_as: str
    snapshot: Snapshot
    source_system: str
    applied_dts: datetime


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
    """Open a connection to the source. The caller closes it.

    Raises PermanentError when the DSN, login or database is wrong, TransientError when nobody answers.
    Neither shows the password.
    """
    dsn = settings.resolve_source_dsn()
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        raise PermanentError(
            "the source's DSN cannot be read. Write WWI_SOURCE_DSN as postgresql://USER:PASSWORD@HOST:PORT/DB."
        ) from None
    options = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "wwi-ingest", **KEEPALIVE, **parts}
    # libpq's variables are for a source that is given, not for the local one
    environment = without_libpq_variables() if settings.source_dsn is None else nullcontext()
    try:
        with environment:
            connection = psycopg.connect(**options, autocommit=True)  # type: ignore[arg-type]
    except psycopg.OperationalError as error:
        raise connect_error(error, parts) from None
    with translated("session"):
        for statement in SESSION:
            connection.execute(statement.encode())
        connection.execute(f"set statement_timeout = '{settings.query_timeout_s}s'".encode())
    return connection


@contextmanager
def open_picture(connection: Connection, tables: Sequence[Table]) -> Iterator[Picture]:
    """Hold the tables still and export one snapshot of them, until the block ends."""
    with translated("taking the snapshot"), connection.transaction():
        connection.execute("set transaction read only")
        connection.execute(f"set local lock_timeout = '{LOCK_TIMEOUT_S}s'".encode())
        # an empty select locks against truncate and alter, and needs no right on the whole table as LOCK does
        connection.execute(
            sql.SQL(" union all ").join(
                sql.SQL("(select 1 from {} limit 0)").format(source_sql.name_of(table)) for table in tables
            )
        )
        yield _export(connection)


def open_reader(settings: Settings, picture: Picture) -> Connection:
    """Open a connection that sees the picture, and nothing but it, until it is closed."""
    connection = connect(settings)
    with translated("sharing the snapshot"):
        connection.execute("begin transaction isolation level repeatable read read only")
        exported = sql.SQL("set transaction snapshot {}").format(sql.Literal(picture.exported_as))
        connection.execute(exported)
        connection.execute("set local timezone = 'UTC'")
        connection.execute(f"set local statement_timeout = '{settings.copy_timeout_s}s'".encode())
    return connection


def count_tables(connection: Connection, wanted: Sequence[ToCount]) -> dict[str, TableCount]:
    """Count these tables in one query: rows, rows in the window, control totals."""
    if not wanted:
        return {}
    parts = [source_sql.count_rows(each.table, each.lookups, each.window, each.unfinished) for each in wanted]
    with translated("counting the source's rows"):
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
    with translated(f"adding up {table.qualified} by day"):
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


def _export(connection: Connection) -> Picture:
    current = "pg_current_snapshot" if connection.info.server_version >= 130000 else "txid_current_snapshot"
    row = connection.execute(_EXPORT.replace("pg_current_snapshot", current).encode()).fetchone()
    assert row is not None
    exported_as, snapshot, source_system, applied_dts = row
    assert isinstance(applied_dts, datetime)
    return Picture(str(exported_as), Snapshot.parse(str(snapshot)), str(source_system), applied_dts)


# The timeline tells a source that failed over to a standby, which may have lost its last transactions.
# The clock is the business's own when the source keeps one (a simulation does), else the wall clock.
_EXPORT = """
select
    pg_export_snapshot(),
    pg_current_snapshot()::text,
    s.system_identifier || '/' || k.timeline_id || '/' || current_database(),
    coalesce(nullif(current_setting('wwi.business_clock', true), '')::timestamp, localtimestamp)
from pg_control_system() as s
cross join pg_control_checkpoint() as k
"""
