"""Check before a load that source and warehouse respond and that the source has rows."""

from collections.abc import Callable
from contextlib import closing

from psycopg import sql

from audit.loaded import holds_batches
from config.errors import PermanentError
from config.settings import Settings
from ingestion.source import catalog as source_catalog
from ingestion.source import postgres
from ingestion.source import sql as source_sql
from ingestion.source.errors import translated
from metadata.errors import WwiError
from metadata.spec import Catalog
from warehouse.client import connect

HINT = "Fill it with `wwi source simulate` or `wwi source restore FILE`, or insert rows, then run again."


def check_ready(settings: Settings, catalog: Catalog) -> None:
    """Raise WwiError if the source or the warehouse does not respond, or if there is nothing to load.

    An empty source is accepted after the first load: the rows may have been deleted.
    """
    found: list[bool] = []
    errors = [
        error
        for error in (
            _error_of(lambda: found.append(holds_batches(connect(settings, "ingest"), settings))),
            _error_of(lambda: _check_source(settings, catalog)),
        )
        if error
    ]
    if found == [True]:
        errors = [error for error in errors if not isinstance(error, EmptySourceError)]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise PermanentError("\n".join(map(str, errors)))


def empty_source(settings: Settings, catalog: Catalog) -> str | None:
    """Return the reason why there is nothing to load yet; None otherwise.

    Returns None if a service does not respond: the load that follows reports that.
    """
    try:
        check_ready(settings, catalog)
    except EmptySourceError as error:
        return str(error)
    except WwiError:
        return None
    return None


class EmptySourceError(PermanentError):
    """The source has none of the tables, or no rows in them."""


def _error_of(check: Callable[[], object]) -> WwiError | None:
    try:
        check()
    except WwiError as error:
        return error
    return None


def _check_source(settings: Settings, catalog: Catalog) -> None:
    with closing(postgres.connect(settings)) as connection:
        live = source_catalog.live_tables(connection, catalog.tables)
        database = connection.info.dbname
        if not live:
            raise EmptySourceError(
                f"the source is empty: database {database} has none of the {len(catalog.tables)} tables that "
                f"the metadata describe. {HINT}"
            )
        tables = [table for table in catalog.tables if table.qualified in live]
        if not all(table.xmin_readable for table in live.values()):
            return  # the load reports missing rights
        any_row = sql.SQL(" or ").join(
            sql.SQL("exists (select from {})").format(source_sql.name_of(table)) for table in tables
        )
        with translated("looking for rows in the source"):
            row = connection.execute(sql.SQL("select {}").format(any_row)).fetchone()
    if row != (True,):
        raise EmptySourceError(
            f"the source is empty: none of the {len(tables)} tables in database {database} has a row. {HINT}"
        )
