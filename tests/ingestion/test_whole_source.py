"""All tables of the example business, read by the login without access to secrets."""

import logging

import psycopg
import pytest

from config.settings import Settings
from ingestion.batch import run_batch
from metadata.spec import Catalog
from sandbox.reader import grant_reader
from sandbox.schema import create_schema
from tests.ingestion.generated_rows import fill
from warehouse.client import connect, logger
from warehouse.queries import query

pytestmark = pytest.mark.services

ROWS = 50


@pytest.fixture
def reader(settings: Settings, source_dsn: str, catalog: Catalog) -> Settings:
    """Settings of the reading login, for a source in which every table has rows."""
    with psycopg.connect(source_dsn, autocommit=True, connect_timeout=10) as source:
        create_schema(source, catalog)
        source.execute("set session_replication_role = replica")  # the generated rows violate foreign keys
        for table in catalog.tables:
            fill(source, table, ROWS)
    grant_reader(source_dsn, catalog)
    parts = psycopg.conninfo.conninfo_to_dict(source_dsn) | {"user": "wwi_reader"}
    return settings.model_copy(update={"source_dsn": psycopg.conninfo.make_conninfo(**parts)})


def test_all_tables_are_loaded_without_secrets_and_an_unchanged_batch_is_cheap(
    reader: Settings, source_dsn: str, catalog: Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    report = run_batch(reader, catalog)
    assert {table.table: table.rows_upserted for table in report.tables} == {
        table.qualified: ROWS for table in catalog.tables
    }
    client = connect(reader)
    with psycopg.connect(source_dsn, connect_timeout=10) as source:
        for table in catalog.tables:
            names = ", ".join(column.name for column in table.loaded_columns)
            expected = source.execute(f"select {names} from {table.qualified} order by 1".encode()).fetchall()
            raw = f"{reader.dataset('raw')}.{table.raw_name}"
            rows = query(client, f"select * from {raw} order by 1")
            found = [tuple(row[column.name] for column in table.loaded_columns) for row in rows]
            assert found == expected, table.qualified
            secrets = {column.name for column in table.columns if column.sensitivity == "secret"}
            assert not secrets & set(rows[0]), table.qualified
    with caplog.at_level(logging.DEBUG, logger=logger.name):
        caplog.clear()
        idle = run_batch(reader, catalog)
    assert idle.rows_loaded == 0
    statements = [record for record in caplog.records if record.name == logger.name]
    assert 0 < len(statements) < len(idle.tables), "its cost must not grow with the number of tables"
