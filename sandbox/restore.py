"""Put a dump of the Wide World Importers database in the place of the local source.

The dump is restored beside the running source and takes its place only when it holds the tables that the
metadata describe. A dump of something else changes nothing.
"""

import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

from ingestion.settings import Settings
from metadata.spec import Catalog
from sandbox import postgres
from sandbox.programs import binary
from sandbox.reader import grant_reader
from sandbox.services import ServiceError

SCRATCH = "wwi_restoring"
REPLACED = "wwi_replaced"
LIST_TIMEOUT_S = 60
RESTORE_TIMEOUT_S = 1800


def restore(settings: Settings, dump: Path, catalog: Catalog) -> int:
    """Restore the custom-format `dump` as the local source and return the number of tables found in it.

    Schemas whose names differ from the metadata only by upper and lower case are renamed. Starts the local
    source when it is down. Raises ServiceError, and leaves the present source as it is, when the file is no
    dump or lacks a table or column that the platform loads.
    """
    if not dump.is_file():
        raise ServiceError(f"{dump}: no such file. Name a dump made by `pg_dump --format=custom`.")
    _check_is_dump(dump)
    address = postgres.up(settings)
    server_dsn = address["admin_dsn"].rsplit("/", 1)[0]
    with psycopg.connect(f"{server_dsn}/postgres", autocommit=True, connect_timeout=10) as server:
        _drop(server, SCRATCH)
        server.execute(sql.SQL("create database {}").format(sql.Identifier(SCRATCH)))
        try:
            complaints = _restore_into(f"{server_dsn}/{SCRATCH}", dump)
            found = _check_content(f"{server_dsn}/{SCRATCH}", dump, catalog, complaints)
        except BaseException:
            _drop(server, SCRATCH)
            raise
        _take_place(server)
    grant_reader(address["admin_dsn"], catalog)
    return found


def _check_is_dump(dump: Path) -> None:
    listed = subprocess.run(
        [binary("pg_restore"), "--list", dump],
        capture_output=True,
        text=True,
        timeout=LIST_TIMEOUT_S,
        check=False,
    )
    if listed.returncode != 0:
        raise ServiceError(
            f"{dump}: pg_restore cannot read it ({listed.stderr.strip()}). "
            "Make a dump with `pg_dump --format=custom`; a plain SQL file is fed to psql instead."
        )


def _restore_into(dsn: str, dump: Path) -> str:
    """Run pg_restore and return its complaints; what the database then holds decides whether they matter."""
    done = subprocess.run(
        [binary("pg_restore"), "--no-owner", "--no-privileges", "--jobs=2", f"--dbname={dsn}", dump],
        capture_output=True,
        text=True,
        timeout=RESTORE_TIMEOUT_S,
        check=False,
    )
    return done.stderr.strip()


def _check_content(dsn: str, dump: Path, catalog: Catalog, complaints: str) -> int:
    """Compare the restored columns with the metadata and return the number of tables found."""
    with psycopg.connect(dsn, connect_timeout=10) as restored:
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
        shown = ", ".join(missing[:8]) + (f" and {len(missing) - 8} more" if len(missing) > 8 else "")
        first_complaint = f" pg_restore said: {complaints.splitlines()[0]}" if complaints else ""
        raise ServiceError(
            f"{dump} is not a dump of Wide World Importers: it lacks {shown}.{first_complaint} "
            "The present source was left as it is."
        )
    return sum(table.qualified in columns for table in catalog.tables)


def _lower_schema_names(restored: psycopg.Connection, expected: set[str]) -> None:
    present = [name for (name,) in restored.execute("select nspname from pg_namespace").fetchall()]
    for name in present:
        if name not in expected and name.lower() in expected and name.lower() not in present:
            restored.execute(
                sql.SQL("alter schema {} rename to {}").format(
                    sql.Identifier(name), sql.Identifier(name.lower())
                )
            )


def _take_place(server: psycopg.Connection) -> None:
    """Swap the restored database for the present one; the old one goes last, so a crash loses nothing."""
    _drop(server, REPLACED)
    server.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = any(%s) and pid <> pg_backend_pid()",
        [[postgres.DATABASE, SCRATCH]],
    )
    rename = sql.SQL("alter database {} rename to {}")
    server.execute(rename.format(sql.Identifier(postgres.DATABASE), sql.Identifier(REPLACED)))
    server.execute(rename.format(sql.Identifier(SCRATCH), sql.Identifier(postgres.DATABASE)))
    _drop(server, REPLACED)


def _drop(server: psycopg.Connection, database: str) -> None:
    server.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database)))
