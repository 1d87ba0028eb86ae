"""Grant rights to the reader login of the local source: all loaded columns, no secret column."""

import psycopg

from ingestion.source.errors import LOCK_TIMEOUT_S
from ingestion.source.postgres import reader_grants
from metadata.spec import Catalog


def grant_reader(admin_dsn: str, catalog: Catalog) -> None:
    """Grant the reader login its rights on the existing tables of `catalog`. Can be repeated."""
    with psycopg.connect(admin_dsn, connect_timeout=10) as connection:
        connection.execute(f"set lock_timeout = '{LOCK_TIMEOUT_S}s'".encode())
        rows = connection.execute("select schemaname || '.' || tablename from pg_tables").fetchall()
        present = {name for (name,) in rows}
        tables = tuple(table for table in catalog.tables if table.qualified in present)
        for statement in reader_grants(catalog.model_copy(update={"tables": tables})):
            connection.execute(statement.encode())
