"""Replace the local source by a dump of the Wide World Importers database.

The dump is restored into a separate database. It replaces the current source only when all rows of the dump
have arrived and all tables of the metadata exist. If anything fails before, the current source is unchanged.
"""

import logging
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from config import loopback
from config.local_services import Address, ServiceError
from config.settings import Settings
from metadata.spec import Catalog
from sandbox import postgres
from sandbox.dump import DumpContent, read_dump
from sandbox.postgres import REPLACED_DATABASE, database_dsn
from sandbox.programs import binary, client_environment
from sandbox.reader import grant_reader

logger = logging.getLogger(__name__)

SCRATCH_DATABASE = "wwi_restoring"
RESTORE_TIMEOUT_S = 1800
SWAP_ATTEMPTS = 10
LOCK = 0x77776972  # any number that no other program takes a lock on: "wwir"
UNCHANGED = "The present source was left as it is."


def restore(settings: Settings, dump: Path, catalog: Catalog) -> int:
    """Restore `dump` as the local source and return the number of tables found in it.

    `dump`: a file or folder that pg_restore reads. Schemas with names in another case than in the metadata
    are renamed. Starts the local source if it is down. Raises ServiceError, and leaves the current source
    unchanged, when the dump is damaged, was not restored completely, or lacks a loaded table or column.
    """
    content = read_dump(dump)
    address = postgres.up(settings)
    try:
        return _replace(address, dump, content, catalog)
    except psycopg.Error as error:
        raise ServiceError(
            f"{dump}: the local source failed during the restore: {error}. {UNCHANGED}"
        ) from error


def _replace(address: Address, dump: Path, content: DumpContent, catalog: Catalog) -> int:
    scratch = database_dsn(address, SCRATCH_DATABASE)
    with loopback.connect(database_dsn(address, postgres.MAINTENANCE_DATABASE), autocommit=True) as server:
        _lock(server)
        with _scratch_database(server):
            complaints = _restore_into(scratch, dump)
            _check_arrived(scratch, dump, content, catalog, complaints)
            found = _check_content(scratch, dump, catalog, complaints)
            grant_reader(scratch, catalog)
            _swap(server)
        _drop(server, REPLACED_DATABASE)
    if complaints:
        logger.warning("restored, but pg_restore reported problems:\n%s", complaints)
    return found


def _lock(server: psycopg.Connection) -> None:
    if server.execute("select pg_try_advisory_lock(%s)", [LOCK]).fetchone() != (True,):
        raise ServiceError("another `wwi source restore` is running. Wait for it to end.")


@contextmanager
def _scratch_database(server: psycopg.Connection) -> Iterator[None]:
    """Create an empty database for the block, and drop it afterwards if it still exists."""
    _drop(server, SCRATCH_DATABASE)
    _drop(server, REPLACED_DATABASE)  # left by a restore that was killed after the swap
    server.execute(sql.SQL("create database {} template template0").format(sql.Identifier(SCRATCH_DATABASE)))
    try:
        yield
    finally:
        _drop(server, SCRATCH_DATABASE)


def _restore_into(dsn: str, dump: Path) -> str:
    """Run pg_restore and return its messages.

    They are not errors by themselves: a missing role or extension does not matter if all rows have arrived.
    """
    try:
        done = subprocess.run(
            [
                binary("pg_restore"), "--no-owner", "--no-privileges", "--jobs=2",
                f"--dbname={SCRATCH_DATABASE}", dump.absolute(),
            ],
            capture_output=True, text=True, errors="replace", timeout=RESTORE_TIMEOUT_S, check=False,
            env=client_environment() | postgres.connection_variables(dsn),
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ServiceError(
            f"{dump}: the restore took more than {RESTORE_TIMEOUT_S} s. {UNCHANGED}"
        ) from error
    return done.stderr.strip()


def _check_arrived(dsn: str, dump: Path, content: DumpContent, catalog: Catalog, complaints: str) -> None:
    """Check that all rows and keys of the loaded schemas have arrived."""
    schemas = {table.schema_name for table in catalog.tables}
    lost = []
    with loopback.connect(dsn) as restored:
        for (schema, table), rows in content.rows.items():
            arrived = _count(restored, schema, table)
            if schema.lower() in schemas and arrived != rows:
                lost.append(f"{schema}.{table} has {arrived} of {rows} rows")
        known = restored.execute(
            "select n.nspname, r.relname, c.conname from pg_constraint as c "
            "inner join pg_class as r on c.conrelid = r.oid "
            "inner join pg_namespace as n on r.relnamespace = n.oid"
        ).fetchall()
    for schema, table, key in sorted(content.keys - set(known)):
        if schema.lower() in schemas:
            lost.append(f"{schema}.{table} lacks its key {key}")
    if lost:
        raise ServiceError(
            f"{dump} was not restored completely: {first_items(lost)}.{_first_complaint(complaints)} "
            f"{UNCHANGED} Fix the cause and try again."
        )


def _count(restored: psycopg.Connection, schema: str, table: str) -> int:
    """Return the number of the table's own rows, without child tables; 0 when it does not exist."""
    name = sql.Identifier(schema, table)
    kind = restored.execute(
        "select relkind from pg_class where oid = to_regclass(%s)", [name.as_string(None)]
    )
    row = kind.fetchone()
    if row is None:
        return 0
    only = sql.SQL("" if row == ("p",) else "only ")  # a partitioned table has no rows of its own
    counted = restored.execute(sql.SQL("select count(*) from {}{}").format(only, name)).fetchone()
    return int(counted[0]) if counted else 0


def _check_content(dsn: str, dump: Path, catalog: Catalog, complaints: str) -> int:
    """Check the restored columns against the metadata and return the number of tables."""
    with loopback.connect(dsn) as restored:
        _lower_schema_names(restored, {table.schema_name for table in catalog.tables})
        rows = restored.execute(
            "select table_schema || '.' || table_name, column_name from information_schema.columns"
        ).fetchall()
    columns: dict[str, set[str]] = {}
    for table_name, column_name in rows:
        columns.setdefault(table_name, set()).add(column_name)
    missing = [
        f"{table.qualified}{'.' + column if table.qualified in columns else ''}"
        for table in catalog.tables
        if not (table.optional and table.qualified not in columns)
        for column in ([c.name for c in table.columns] if table.qualified in columns else [""])
        if column not in columns.get(table.qualified, set())
    ]
    if missing:
        raise ServiceError(
            f"{dump} is not a dump of Wide World Importers: it lacks {first_items(missing)}."
            f"{_first_complaint(complaints)} {UNCHANGED}"
        )
    return sum(table.qualified in columns for table in catalog.tables)


def first_items(items: list[str], most: int = 8) -> str:
    """Return the first items as text, and how many more there are."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def _first_complaint(complaints: str) -> str:
    return f" pg_restore said: {complaints.splitlines()[0]}." if complaints else ""


def _lower_schema_names(restored: psycopg.Connection, expected: set[str]) -> None:
    present = [name for (name,) in restored.execute("select nspname from pg_namespace").fetchall()]
    for name in present:
        if name not in expected and name.lower() in expected and name.lower() not in present:
            restored.execute(
                sql.SQL("alter schema {} rename to {}").format(
                    sql.Identifier(name), sql.Identifier(name.lower())
                )
            )


def _swap(server: psycopg.Connection) -> None:
    """Replace the current database by the restored one, in one transaction."""
    rename = sql.SQL("alter database {} rename to {}")
    for attempt in range(SWAP_ATTEMPTS):
        server.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
            "where datname = any(%s) and pid <> pg_backend_pid()",
            [[postgres.DATABASE, SCRATCH_DATABASE]],
        )
        try:
            with server.transaction():
                old, new = sql.Identifier(postgres.DATABASE), sql.Identifier(SCRATCH_DATABASE)
                server.execute(rename.format(old, sql.Identifier(REPLACED_DATABASE)))
                server.execute(rename.format(new, old))
        except psycopg.errors.ObjectInUse:  # somebody has connected again
            if attempt == SWAP_ATTEMPTS - 1:
                raise ServiceError(
                    f"the local source is in use, so it could not be replaced. {UNCHANGED} Close its "
                    "connections and try again."
                ) from None
        else:
            return


def _drop(server: psycopg.Connection, database: str) -> None:
    server.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database)))
