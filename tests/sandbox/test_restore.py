"""A dump takes the place of the source when it is one of ours, and changes nothing when it is not."""

import subprocess
from pathlib import Path

import psycopg
import pytest

from ingestion.settings import Settings
from metadata.spec import Catalog
from sandbox import postgres
from sandbox.restore import restore
from sandbox.schema import create_schema
from sandbox.services import ServiceError

pytestmark = pytest.mark.services


def dump_of(dsn: str, file: Path) -> Path:
    subprocess.run(
        [postgres.binary("pg_dump"), "--format=custom", f"--file={file}", dsn], check=True, timeout=120
    )
    return file


def rows(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, connect_timeout=10) as connection:
        return connection.execute(query.encode()).fetchall()


def test_a_dump_of_our_own_database_takes_its_place(
    services: Settings, source_dsn: str, catalog: Catalog, tmp_path: Path
) -> None:
    with psycopg.connect(source_dsn) as connection:
        create_schema(connection, catalog)
        connection.execute("set session_replication_role = replica")  # one row without what it refers to
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


def test_a_dump_of_something_else_is_refused_by_name(
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
def test_a_file_that_is_no_dump_is_refused(
    services: Settings, catalog: Catalog, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "nonsense.dump"
    file.write_bytes(content)
    with pytest.raises(ServiceError, match=r"pg_restore cannot read it"):
        restore(services, file, catalog)
    with pytest.raises(ServiceError, match="no such file"):
        restore(services, tmp_path / "missing.dump", catalog)
