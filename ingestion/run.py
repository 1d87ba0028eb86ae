"""The options of a run, with the connection and settings that all its steps share."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from google.cloud.bigquery import Client

from config.errors import PermanentError
from config.settings import Settings
from ingestion.read_window import Days
from ingestion.report import OnProgress, Progress
from metadata.errors import did_you_mean
from metadata.spec import Catalog, Table

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """One run of the ingestion for `tables`. `full`: read all rows. `allow_shrink`: accept mass deletes.

    `compare_keys`: read all keys and compare them with raw. `days`: business days whose rows are all read,
    besides the changed rows. `confirm_lease` raises LeaseLostError if another run may be using the warehouse.
    """

    client: Client
    settings: Settings
    catalog: Catalog
    tables: tuple[Table, ...]
    full: bool
    allow_shrink: bool
    on_progress: OnProgress
    confirm_lease: Callable[[], None]
    compare_keys: bool = False
    days: Days | None = None


def choose_tables(catalog: Catalog, names: Sequence[str] | None) -> tuple[Table, ...]:
    """Return the tables with these names; all for None. Raises PermanentError for unknown names."""
    if names is None:
        return catalog.tables
    known = {table.qualified: table for table in catalog.tables}
    unknown = [f"no table named '{name}'. {did_you_mean(name, known)}" for name in names if name not in known]
    if unknown or not names:
        raise PermanentError(
            "\n".join(unknown) or "no table chosen. Name at least one table, or omit the option to load all."
        )
    return tuple(known[name] for name in dict.fromkeys(names))


def log_progress(progress: Progress) -> None:
    """Log one line per step, for callers without a progress display."""
    logger.info("%s %s rows=%s", progress.stage, progress.table or "", progress.rows)
