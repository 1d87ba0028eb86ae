"""Look, before anything slow starts, whether a load can run: both services answer and the source has rows."""

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

FILL = "Fill it with `wwi source simulate`, `wwi source restore FILE` or by your own means, then run again."


def check_ready(settings: Settings, catalog: Catalog) -> None:
    """Raise WwiError when the source or the warehouse does not answer, or there is nothing to load.

    A source without rows is accepted once something was loaded: the rows may have been deleted.
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
    """Return why there is nothing to load yet; None otherwise.

    None also where a service does not answer: the load that follows tries again and names it.
    """
    try:
        check_ready(settings, catalog)
    except EmptySourceError as error:
        return str(error)
    except WwiError:
        return None
    return None


class EmptySourceError(PermanentError):
    """The source has none of the tables, or no row in any of them."""


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
                f"the metadata describe. {FILL}"
            )
        tables = [table for table in catalog.tables if table.qualified in live]
        if not all(table.xmin_readable for table in live.values()):
            return  # the load names the missing rights
        any_row = sql.SQL(" or ").join(
            sql.SQL("exists (select from {})").format(source_sql.name_of(table)) for table in tables
        )
        with translated("looking for rows in the source"):
            row = connection.execute(sql.SQL("select {}").format(any_row)).fetchone()
    if row != (True,):
        raise EmptySourceError(
            f"the source is empty: none of the {len(tables)} tables in database {database} has a row. {FILL}"
        )
