"""Estimate the bytes that BigQuery bills for each model of a build, now and after ten times the days."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from config.errors import PermanentError
from config.settings import Settings
from operations.cost.bytes_billed import Span, TableStatistics, billed, extrapolate
from operations.cost.scans import Columns, Scan, Schema, scans

MB = 2**20
LATER = 10  # `later` means this many times the days of history


@dataclass(frozen=True)
class Model:
    """A model and the queries that a build runs for it, including preparatory ones."""

    name: str
    layer: str
    queries: tuple[str, ...]


@dataclass(frozen=True)
class ModelBytes:
    """Bytes billed for one build of a model, and after ten times the days.

    `budget`: limit for `bytes`; None if no limit is set.
    """

    name: str
    layer: str
    bytes: int
    later_bytes: int
    budget: int | None

    @property
    def growth(self) -> float:
        """`later_bytes` divided by `bytes`."""
        return self.later_bytes / max(self.bytes, 1)

    @property
    def is_over(self) -> bool:
        """Whether the billed bytes exceed the budget."""
        return self.budget is not None and self.bytes > self.budget


def scans_by_model(
    models: Sequence[Model], project: str, columns: Columns, views: Mapping[str, str]
) -> dict[str, tuple[tuple[Scan, ...], ...]]:
    """Return the scans of each query, by model. Raises PermanentError, with the model's name."""
    schema, found = Schema(project, columns, views), {}
    for model in models:
        try:
            found[model.name] = tuple(scans(sql, schema) for sql in model.queries)
        except PermanentError as error:
            raise PermanentError(f"model {model.name}: {error}") from error
    return found


def columns_read(reads: Mapping[str, Sequence[Sequence[Scan]]]) -> dict[str, set[str]]:
    """Return the columns that any model reads, by table."""
    found: dict[str, set[str]] = {}
    for each in (scan for queries in reads.values() for one in queries for scan in one):
        found.setdefault(each.table, set()).update(each.columns)
    return found


def extrapolate_all(
    tables: Mapping[str, TableStatistics], span: Span, batch_tables: Collection[str]
) -> dict[str, TableStatistics]:
    """Extrapolate all tables; `batch_tables` contain one batch and never grow."""
    return {name: each if name in batch_tables else extrapolate(each, span) for name, each in tables.items()}


def estimate(
    models: Sequence[Model],
    reads: Mapping[str, Sequence[Sequence[Scan]]],
    now: Mapping[str, TableStatistics],
    later: Mapping[str, TableStatistics],
    budgets: Mapping[str, int],
) -> tuple[ModelBytes, ...]:
    """Return the bytes billed for each model `now` and `later`, the most expensive first."""
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
    """Return the budgets in bytes, by model, or by layer for all other models. Raises PermanentError."""
    try:
        megabytes = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {name: int(limit) * MB for name, limit in megabytes.items()}
    except (OSError, ValueError, AttributeError, TypeError, yaml.YAMLError) as error:
        raise PermanentError(
            f"{path.name}: {error}. Each line must have the form `model or layer: megabytes`."
        ) from error


def is_batch_table(settings: Settings, table: str) -> bool:
    """Return whether a table, `dataset.table`, contains the rows of one build only."""
    return table.startswith(f"{settings.dataset('staging')}.")
