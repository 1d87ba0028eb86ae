"""Test that a valid dump replaces the source and an invalid one changes nothing."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from config.local_services import ServiceError
from config.settings import Settings
from metadata.spec import Catalog
from sandbox import postgres
from sandbox.restore import restore
from sandbox.schema import create_schema

pytestmark = pytest.mark.services


def dump_of(dsn: str, file: Path) -> Path:
    subprocess.run(
        [postgres.binary("pg_dump"), "--format=custom", f"--file={file}", dsn], check=True, timeout=120
    )
    return file


def rows(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, connect_timeout=10) as connection:
        return connection.execute(query.encode()).fetchall()


def test_a_dump_of_our_own_database_replaces_it(
    services: Settings, source_dsn: str, catalog: Catalog, tmp_path: Path
) -> None:
    with psycopg.connect(source_dsn) as connection:
        create_schema(connection, catalog)
        connection.execute("set session_replication_role = replica")  # one row without its referenced row
        connection.execute("insert into warehouse.colors values (1, 'Azure', 1)")
        connection.execute("drop table warehouse.vehicle_temperatures")
        connection.execute('alter schema sales rename to "Sales"')
    dump = dump_of(source_dsn, tmp_path / "wwi.dump")

    found = restore(services, dump, catalog)

    address = postgres.up(services)
    assert found == len(catalog.tables) - 1  # the sensor tables are optional
    assert rows(address["admin_dsn"], "select color_name from warehouse.colors") == [("Azure",)]
    assert rows(address["reader_dsn"], "select count(*) from sales.customers") == [(0,)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows(address["reader_dsn"], "select hashed_password from application.people")


def test_a_dump_of_another_database_is_refused_with_the_missing_tables(
    services: Settings, source_dsn: str, catalog: Catalog, tmp_path: Path
) -> None:
    before = postgres.up(services)
    with psycopg.connect(before["admin_dsn"]) as connection:
        connection.execute("create table if not exists public.marker (one integer)")
    with psycopg.connect(source_dsn) as connection:
        connection.execute("drop schema application cascade")
        connection.execute("create table public.shop (id integer)")
    dump = dump_of(source_dsn, tmp_path / "shop.dump")

    with pytest.raises(
        ServiceError, match=r"not a dump of Wide World Importers: it lacks application\.cities"
    ):
        restore(services, dump, catalog)

    assert rows(before["admin_dsn"], "select count(*) from public.marker") == [(0,)]


@pytest.mark.parametrize("content", [b"", b"create table a (b integer);", b"PGDMP" + bytes(100)])
def test_a_file_that_is_not_a_dump_is_refused(
    services: Settings, catalog: Catalog, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "nonsense.dump"
    file.write_bytes(content)
    with pytest.raises(ServiceError, match=r"pg_restore cannot read it"):
        restore(services, file, catalog)
    with pytest.raises(ServiceError, match="no such file"):
        restore(services, tmp_path / "missing.dump", catalog)


COLORS = 50_000


@pytest.fixture(scope="module")
def colours(settings: Settings, catalog: Catalog, source_dsn: str) -> str:
    """Return the DSN of a database with many colours, which do not compress well."""
    with psycopg.connect(source_dsn) as connection:
        for schema in {table.schema_name for table in catalog.tables}:
            connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))
        create_schema(connection, catalog)
        connection.execute("set session_replication_role = replica")
        connection.execute(
            "insert into warehouse.colors select i, left(md5(i::text), 20), 1 "
            f"from generate_series(1, {COLORS}) as i".encode()
        )
    return source_dsn


@pytest.fixture
def present(services: Settings) -> Iterator[str]:
    """Return the DSN of the current source, with a table that shows whether it was replaced."""
    dsn = postgres.up(services)["admin_dsn"]
    with psycopg.connect(dsn) as connection:
        connection.execute("create table if not exists public.present (one integer)")
    yield dsn
    assert rows(dsn, "select count(*) from public.present") == [(0,)]
    server = postgres.database_dsn(postgres.up(services), postgres.MAINTENANCE_DATABASE)
    left = rows(server, "select datname from pg_database where datname in ('wwi_restoring', 'wwi_replaced')")
    assert left == []


@pytest.mark.parametrize("kept", [0.999, 0.9, 0.5, 0.3])
def test_a_truncated_dump_is_refused(  # noqa: PLR0913, PLR0917 - fixtures
    services: Settings, catalog: Catalog, colours: str, present: str, tmp_path: Path, kept: float
) -> None:
    dump = dump_of(colours, tmp_path / "cut.dump")
    with dump.open("r+b") as file:
        file.truncate(int(dump.stat().st_size * kept))
    with pytest.raises(
        ServiceError, match=r"pg_restore cannot read it .* The present source was left as it is"
    ):
        restore(services, dump, catalog)


def test_a_folder_dump_without_a_table_file_is_refused(
    services: Settings, catalog: Catalog, colours: str, present: str, tmp_path: Path
) -> None:
    folder = tmp_path / "dump folder"
    subprocess.run(
        [postgres.binary("pg_dump"), "--format=directory", f"--file={folder}", colours],
        check=True,
        timeout=120,
    )
    max(folder.glob("*.dat.gz"), key=lambda path: path.stat().st_size).unlink()
    with pytest.raises(ServiceError, match="pg_restore cannot read it"):
        restore(services, folder, catalog)


def test_a_dump_of_a_newer_version_is_refused(
    services: Settings, catalog: Catalog, colours: str, present: str, tmp_path: Path
) -> None:
    dump = dump_of(colours, tmp_path / "newer.dump")
    with dump.open("r+b") as file:
        file.seek(len("PGDMP"))
        file.write(bytes([1, 99]))
    with pytest.raises(ServiceError, match=r"unsupported version .* use pg_dump 18 or older"):
        restore(services, dump, catalog)


def test_missing_rows_are_reported(
    services: Settings, catalog: Catalog, colours: str, present: str, tmp_path: Path
) -> None:
    """A check constraint that depends on another session is one way for COPY to fail at the end."""
    with psycopg.connect(colours) as connection:
        connection.execute(
            "create function public.is_ok(integer) returns boolean language sql as 'select true'"
        )
        connection.execute("alter table warehouse.colors add constraint ok check (public.is_ok(color_id))")
        connection.execute(
            "create or replace function public.is_ok(integer) returns boolean language sql as 'select $1 < 7'"
        )
    try:
        dump = dump_of(colours, tmp_path / "wwi.dump")
    finally:
        with psycopg.connect(colours) as connection:
            connection.execute("drop function public.is_ok cascade")
    with pytest.raises(ServiceError, match=rf"warehouse\.colors has 0 of {COLORS} rows\. pg_restore said: "):
        restore(services, dump, catalog)


def test_a_key_that_cannot_be_created_is_reported(
    services: Settings, catalog: Catalog, colours: str, present: str, tmp_path: Path
) -> None:
    key = rows(
        colours,
        "select conname from pg_constraint where contype = 'p' and conrelid = 'warehouse.colors'::regclass",
    )[0][0]
    dump = dump_of(colours, tmp_path / "wwi.dump")
    data = dump.read_bytes()
    assert data.count(b"PRIMARY KEY (color_id)") == 1
    dump.write_bytes(data.replace(b"PRIMARY KEY (color_id)", b"PRIMARY KEY (colour_i)"))
    with pytest.raises(ServiceError, match=rf"warehouse\.colors lacks its key {key}"):
        restore(services, dump, catalog)


def test_a_folder_dump_with_unknown_roles_and_extensions_is_restored(
    services: Settings, catalog: Catalog, colours: str, tmp_path: Path
) -> None:
    server = colours.rsplit("/", 1)[0]
    with psycopg.connect(colours, autocommit=True) as connection:
        connection.execute("create role somebody")
        connection.execute("create policy theirs on warehouse.colors to somebody using (true)")
    folder = tmp_path / "dump"
    subprocess.run(
        [postgres.binary("pg_dump"), "--format=directory", f"--file={folder}", colours],
        check=True,
        timeout=120,
    )
    with psycopg.connect(colours, autocommit=True) as connection:
        connection.execute("drop policy theirs on warehouse.colors")
        connection.execute("drop role somebody")
    restore(services, folder, catalog)
    source = postgres.up(services)
    assert rows(source["reader_dsn"], "select count(*) from warehouse.colors") == [(COLORS,)]
    assert ("wwi_replaced",) not in rows(f"{server}/postgres", "select datname from pg_database")


def test_a_killed_swap_is_undone(services: Settings) -> None:
    """Only an earlier version could be killed between the two renames."""
    address = postgres.up(services)
    with psycopg.connect(address["admin_dsn"]) as connection:
        connection.execute("create table public.survivor (one integer)")
    with psycopg.connect(
        postgres.database_dsn(address, postgres.MAINTENANCE_DATABASE), autocommit=True
    ) as server:
        server.execute("alter database wwi rename to wwi_replaced")
    assert rows(postgres.up(services)["admin_dsn"], "select count(*) from public.survivor") == [(0,)]


def test_a_killed_restore_can_be_repeated(
    services: Settings, catalog: Catalog, colours: str, tmp_path: Path
) -> None:
    dump = dump_of(colours, tmp_path / "wwi.dump")
    for leftover in ("wwi_restoring", "wwi_replaced"):
        with psycopg.connect(
            postgres.database_dsn(postgres.up(services), postgres.MAINTENANCE_DATABASE), autocommit=True
        ) as server:
            server.execute(f"create database {leftover}".encode())
        assert restore(services, dump, catalog) == len(catalog.tables)
