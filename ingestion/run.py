"""What a batch is asked to do, and the connections and settings it does it with."""

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
    """One run of the ingestion over `tables`. `full`: read all rows. `allow_shrink`: believe mass deletes.

    `compare_keys`: read all keys, and compare them with those in raw. `days`: business days of which all rows
    are read, besides those that changed.

    `confirm` raises LeaseLostError when another run may be at work on the warehouse.
    """

    client: Client
    settings: Settings
    catalog: Catalog
    tables: tuple[Table, ...]
    full: bool
    allow_shrink: bool
    tell: OnProgress
    confirm: Callable[[], None]
    compare_keys: bool = False
    days: Days | None = None


def choose_tables(catalog: Catalog, names: Sequence[str] | None) -> tuple[Table, ...]:
    """Return the tables of these names; None is all. Raises PermanentError for names that are unknown."""
    if names is None:
        return catalog.tables
    known = {table.qualified: table for table in catalog.tables}
    unknown = [f"no table named '{name}'. {did_you_mean(name, known)}" for name in names if name not in known]
    if unknown or not names:
        raise PermanentError("\n".join(unknown) or "no table chosen. Name at least one, or none for all.")
    return tuple(known[name] for name in dict.fromkeys(names))


def log_progress(progress: Progress) -> None:
    """One line per step, for callers that show no progress of their own."""
    logger.info("%s %s rows=%s", progress.stage, progress.table or "", progress.rows)
