"""What each model of a build is billed for on BigQuery, now and at many times the history; its budget."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from config.errors import PermanentError
from config.settings import Settings
from operations.cost.bytes_billed import Span, TableStatistics, billed, grown
from operations.cost.scans import Columns, Known, Scan, scans

MB = 2**20
LATER = 10  # times the history, at which `later` is


@dataclass(frozen=True)
class Model:
    """A model and the queries that a build sends for it: its own, and what it asks before."""

    name: str
    layer: str
    queries: tuple[str, ...]


@dataclass(frozen=True)
class ModelBytes:
    """Bytes billed for one build of a model, and after ten times the days.

    `budget` is what the first may be; None: no limit is set.
    """

    name: str
    layer: str
    bytes: int
    later_bytes: int
    budget: int | None

    @property
    def growth(self) -> float:
        """How many times the first the second is."""
        return self.later_bytes / max(self.bytes, 1)

    @property
    def is_over(self) -> bool:
        """Whether it is billed for more than its budget."""
        return self.budget is not None and self.bytes > self.budget


def read_by(
    models: Sequence[Model], project: str, columns: Columns, views: Mapping[str, str]
) -> dict[str, tuple[tuple[Scan, ...], ...]]:
    """Return the scans of each query by model. Raises PermanentError naming the model at fault."""
    known, found = Known(project, columns, views), {}
    for model in models:
        try:
            found[model.name] = tuple(scans(sql, known) for sql in model.queries)
        except PermanentError as error:
            raise PermanentError(f"model {model.name}: {error}") from error
    return found


def columns_read(reads: Mapping[str, Sequence[Sequence[Scan]]]) -> dict[str, set[str]]:
    """Return the columns that any of the models needs, by table."""
    found: dict[str, set[str]] = {}
    for each in (scan for queries in reads.values() for one in queries for scan in one):
        found.setdefault(each.table, set()).update(each.columns)
    return found


def all_grown(
    tables: Mapping[str, TableStatistics], span: Span, batch_tables: Collection[str]
) -> dict[str, TableStatistics]:
    """Return the tables as after so many days; `batch_tables` hold one batch and never grow."""
    return {name: each if name in batch_tables else grown(each, span) for name, each in tables.items()}


def judged(
    models: Sequence[Model],
    reads: Mapping[str, Sequence[Sequence[Scan]]],
    now: Mapping[str, TableStatistics],
    later: Mapping[str, TableStatistics],
    budgets: Mapping[str, int],
) -> tuple[ModelBytes, ...]:
    """Return what each model is billed for `now` and `later`, the dearest first."""
    found = [
        ModelBytes(
            model.name,
            model.layer,
            sum(billed(query, now) for query in reads[model.name]),
            sum(billed(query, later) for query in reads[model.name]),
            budgets.get(model.name, budgets.get(model.layer)),
        )
        for model in models
    ]
    return tuple(sorted(found, key=lambda each: (-each.later_bytes, -each.bytes, each.name)))


def load_budgets(path: Path) -> dict[str, int]:
    """Return bytes by model, or by layer for the models that are not named. Raises PermanentError."""
    try:
        megabytes = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {name: int(limit) * MB for name, limit in megabytes.items()}
    except (OSError, ValueError, AttributeError, TypeError, yaml.YAMLError) as error:
        raise PermanentError(
            f"{path.name} must say `model or layer: megabytes` in each line: {error}"
        ) from error


def is_batch_table(settings: Settings, table: str) -> bool:
    """Whether a table, `dataset.table`, holds the rows of one build only."""
    return table.startswith(f"{settings.dataset('staging')}.")
