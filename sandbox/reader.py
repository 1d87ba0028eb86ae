"""The reading login of the local source: it may read what the platform loads, and no secret column."""

import psycopg
from ingestion.postgres import reader_grants

from metadata.spec import Catalog


def grant_reader(admin_dsn: str, catalog: Catalog) -> None:
    """Give the reading login its rights on the tables of `catalog` that exist. Safe to repeat."""
    with psycopg.connect(admin_dsn, connect_timeout=10) as connection:
        for statement in reader_grants(catalog):
            connection.execute(statement.encode())
