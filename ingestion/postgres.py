"""The edge to the source: connections, the picture that all readers share, counts, and COPY.

What must hold while a batch reads: nobody truncates or alters a table (a snapshot does not protect against
that), and all connections see one state. So the coordinator first holds a shared lock on every table and then
exports its snapshot, which the readers take over. It runs in READ COMMITTED, because in REPEATABLE READ its
own snapshot would be older than its locks.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
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
from ingestion.drift import LiveColumn, LiveTable
from ingestion.errors import PermanentError, TransientError
from ingestion.plan import Snapshot, Window, Xids
from ingestion.settings import Settings
from metadata.spec import Catalog, Lookup, Table

Connection = psycopg.Connection[tuple[object, ...]]

CONNECT_TIMEOUT_S = 10
LOCK_TIMEOUT_S = 30
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
    try:
        connection = psycopg.connect(**options, autocommit=True)  # type: ignore[arg-type]
    except psycopg.OperationalError as error:
        raise _connect_error(error, parts) from None
    with translated("session"):
        for statement in SESSION:
            connection.execute(statement.encode())
        connection.execute(f"set statement_timeout = '{settings.query_timeout_s}s'".encode())
    return connection


def live_tables(connection: Connection, tables: Sequence[Table]) -> dict[str, LiveTable]:
    """Return what the source knows of these tables, by qualified name; a table that it lacks is left out."""
    with translated("reading the source's catalog"):
        columns = connection.execute(_LIVE_COLUMNS, [[table.qualified for table in tables]]).fetchall()
        keys = connection.execute(_LIVE_KEYS, [[table.qualified for table in tables]]).fetchall()
    unique = {
        (str(table), frozenset(map(str, key))): bool(is_primary)
        for table, is_primary, key in keys
        if isinstance(key, list)
    }
    primary = {table: key for (table, key), is_primary in unique.items() if is_primary}
    found: dict[str, dict[str, LiveColumn]] = {}
    for name, column, kind, readable in columns:
        found.setdefault(str(name), {})[str(column)] = LiveColumn(str(kind), bool(readable))
    key_of = {table.qualified: frozenset(table.primary_key) for table in tables}
    return {
        name: LiveTable(
            columns={column: live for column, live in live_columns.items() if column != "xmin"},
            xmin_readable="xmin" in live_columns and live_columns["xmin"].readable,
            primary_key=primary.get(name),
            has_key=(name, key_of[name]) in unique,
        )
        for name, live_columns in found.items()
    }


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


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn psycopg's errors into ours, with what was tried and what to do."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise PermanentError(f"{what}: {_brief(error)}. Ask the source's owner for that right.") from error
    except (psycopg.errors.CharacterNotInRepertoire, psycopg.errors.UntranslatableCharacter) as error:
        raise PermanentError(
            f"{what}: a text cannot be sent as UTF-8 ({_brief(error)}). Correct it in the source, where "
            "convert_to(column, 'SQL_ASCII') shows its bytes."
        ) from error
    except psycopg.errors.QueryCanceled as error:
        raise PermanentError(
            f"{what}: {_brief(error)}. Raise WWI_QUERY_TIMEOUT_S or WWI_COPY_TIMEOUT_S (seconds)."
        ) from error
    except psycopg.errors.LockNotAvailable as error:
        raise TransientError(
            f"{what}: another session holds a table exclusively for over {LOCK_TIMEOUT_S} s. Run again later."
        ) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise TransientError(
            f"{what}: the source was lost ({_brief(error)}). Run again when it is back."
        ) from error
    except psycopg.Error as error:
        raise PermanentError(f"{what}: {_brief(error)}") from error


def _export(connection: Connection) -> Picture:
    current = "pg_current_snapshot" if connection.info.server_version >= 130000 else "txid_current_snapshot"
    row = connection.execute(_EXPORT.replace("pg_current_snapshot", current).encode()).fetchone()
    assert row is not None
    exported_as, snapshot, source_system, applied_dts = row
    assert isinstance(applied_dts, datetime)
    return Picture(str(exported_as), Snapshot.parse(str(snapshot)), str(source_system), applied_dts)


def _connect_error(error: psycopg.OperationalError, parts: Mapping[str, object]) -> Exception:
    where = (
        f"{parts.get('user', '')}@{parts.get('host', '')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"
    )
    reason = _brief(error)
    if parts.get("password"):
        reason = reason.replace(str(parts["password"]), "***")
    passing = ("refused", "timeout", "starting up", "shutting down", "too many clients", "timed out")
    kind = TransientError if any(word in reason for word in passing) else PermanentError
    return kind(
        f"no connection to the source {where}: {reason}. Check WWI_SOURCE_DSN, or run `wwi source up`."
    )


def _brief(error: psycopg.Error) -> str:
    """The server's first line; what follows can quote values of rows."""
    text = error.diag.message_primary or str(error)
    return text.strip().splitlines()[0].rstrip(".") if text.strip() else type(error).__name__


# `type` is what column_type() understands: a domain is followed to its base type, an array to its elements,
# and the types of the source's own go by their kind, for their names say nothing.
_LIVE_COLUMNS = """
select
    n.nspname || '.' || c.relname,
    a.attname,
    road.type,
    has_column_privilege(c.oid, a.attnum, 'select')
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
inner join pg_catalog.pg_attribute as a on a.attrelid = c.oid
cross join lateral (
    with recursive steps as (
        select t.*, a.atttypmod as mod, '' as brackets
        from pg_catalog.pg_type as t
        where t.oid = a.atttypid
        union all
        select
            t.*,
            case steps.typtype when 'd' then steps.typtypmod else steps.mod end,
            steps.brackets || case steps.typtype when 'd' then '' else '[]' end
        from steps
        inner join pg_catalog.pg_type as t
            on (steps.typtype = 'd' and t.oid = steps.typbasetype)
            or (steps.typtype != 'd' and t.oid = steps.typelem and t.typarray = steps.oid)
    )
    select
        case
            when typtype = 'e' then 'enum'
            when typtype = 'c' then 'composite'
            when typnamespace = 'pg_catalog'::regnamespace then format_type(oid, mod)
            when typtype = 'r' then 'range'
            when typtype = 'm' then 'multirange'
            else regexp_replace(format_type(oid, mod), '^([^".(]+|"[^"]*")[.]', '')
        end || brackets as type
    from steps
    order by length(brackets) desc, typtype = 'd'
    limit 1
) as road
where
    n.nspname || '.' || c.relname = any(%s)
    and (a.attnum > 0 or a.attname = 'xmin')
    and not a.attisdropped
order by c.oid, a.attnum
"""

_LIVE_KEYS = """
select n.nspname || '.' || c.relname, i.indisprimary, array_agg(a.attname::text)
from pg_catalog.pg_index as i
inner join pg_catalog.pg_class as c on c.oid = i.indrelid
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
inner join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = any(i.indkey)
where
    n.nspname || '.' || c.relname = any(%s)
    and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
group by n.nspname, c.relname, i.indexrelid, i.indisprimary
having bool_and(a.attnotnull)
order by i.indisprimary
"""

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
