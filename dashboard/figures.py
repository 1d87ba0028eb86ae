"""Query the figures of the dashboard from the marts."""

from pathlib import Path

from audit.query import Answer
from config.errors import MissingInWarehouseError
from config.settings import Settings
from metadata.errors import WwiError
from warehouse.client import connect
from warehouse.queries import query

FOLDER = Path(__file__).parent / "figures"


def figures(settings: Settings) -> dict[str, Answer]:
    """Return the result of every figure by name. Raises WwiError if the marts are not built."""
    client = connect(settings, "dashboard")
    marts = f"`{settings.project}.{settings.dataset('marts')}`"
    found = {}
    for file in sorted(FOLDER.glob("*.sql")):
        try:
            rows = query(client, file.read_text().format(marts=marts), timeout_s=settings.query_timeout_s)
        except MissingInWarehouseError as error:
            raise WwiError(f"the marts are not built yet ({error}). Run `wwi run`.") from error
        columns = tuple(rows[0]) if rows else ()
        found[file.stem] = Answer(columns, tuple(tuple(row.values()) for row in rows))
    return found
