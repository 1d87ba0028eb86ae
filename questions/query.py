"""Any statement a person wants to ask the warehouse."""

from dataclasses import dataclass, replace
from typing import Any

from ingestion.bigquery import connect, query
from ingestion.settings import Settings


@dataclass(frozen=True)
class Answer:
    """Column names and rows of a statement; both are empty for one that returns no rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def first(self, count: int) -> "Answer":
        """Return the answer cut down to its first `count` rows."""
        return replace(self, rows=self.rows[:count])


def ask(settings: Settings, sql: str) -> Answer:
    """Run the statement within the configured time limit. Raises PermanentError with the engine's reason."""
    rows = query(connect(settings, "query"), sql, timeout_s=settings.query_timeout_s)
    columns = tuple(rows[0]) if rows else ()
    return Answer(columns, tuple(tuple(row.values()) for row in rows))
