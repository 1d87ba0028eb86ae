"""As-of queries and comparisons of marts, for the command line: times as text in, rows or differences out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from audit.history import as_of as definition
from audit.history import difference as comparison
from audit.history import table_functions
from audit.history.as_of_time import AsOf, loads, parse_as_of
from audit.loaded import require_batches
from config.errors import PermanentError
from config.settings import Settings
from metadata.errors import did_you_mean
from metadata.load import load_catalog
from metadata.marts import Mart, load_marts
from metadata.reconciliation import load_reconciliation
from warehouse.client import connect
from warehouse.queries import query, timestamp_literal
from warehouse.statements import checked_condition


@dataclass(frozen=True)
class AsOfRows:
    """Rows of a mart as of a time, by key. `has_more`: the limit cut off further rows."""

    mart: str
    as_of: AsOf
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    has_more: bool = False


def as_of(  # noqa: PLR0913 - a mart, a time, and options of the query
    settings: Settings,
    models: definition.Models,
    mart: str,
    when: str,
    *,
    columns: Sequence[str] | None = None,
    where: str | None = None,
    limit: int = 0,
) -> AsOfRows:
    """Return the mart's rows as of `when` (see audit/history/as_of_time.py). `limit` 0 returns all.

    Raises PermanentError for an unknown mart or column, an invalid time, and for errors of the warehouse.
    """
    described = described_mart(models, mart)
    wanted = described.column_names if columns is None else tuple(columns)
    _check_columns(described, wanted)
    condition = _condition(described, where)
    client = connect(settings, "asof")
    at = parse_as_of(when, loads(client, settings))
    sql = definition.as_of(
        settings, models, mart, timestamp_literal(at.at),
        columns=wanted, where=condition, order_by=(described.key,), limit=limit + 1 if limit else None,
    )  # fmt: skip
    rows = query(client, sql, timeout_s=settings.query_timeout_s)
    shown = rows[:limit] if limit else rows
    return AsOfRows(mart, at, wanted, tuple(tuple(row.values()) for row in shown), len(rows) > len(shown))


def difference(  # noqa: PLR0913 - a mart, two times, and options of the query
    settings: Settings,
    models: definition.Models,
    mart: str,
    before: str,
    after: str,
    *,
    where: str | None = None,
    limit: int = 20,
) -> comparison.Difference:
    """Compare the mart as of two times. Raises like `as_of`."""
    described = described_mart(models, mart)
    condition = _condition(described, where)
    client = connect(settings, "asof")
    known = loads(client, settings)
    measures = comparison.measures_of(described, load_reconciliation(load_catalog()))
    return comparison.difference(
        client, settings, models, described, parse_as_of(before, known), parse_as_of(after, known),
        measures=measures, where=condition, limit=limit,
    )  # fmt: skip


def function_statements(
    settings: Settings, models: definition.Models, marts: Sequence[str] | None = None
) -> tuple[str, ...]:
    """Return the statements that create the table functions of these marts (default: all)."""
    wanted = [described_mart(models, name) for name in marts or definition.marts(models)]
    return tuple(table_functions.statement(settings, models, mart) for mart in wanted)


def create_functions(
    settings: Settings, models: definition.Models, marts: Sequence[str] | None = None
) -> tuple[str, ...]:
    """Create or replace the table functions of these marts (default: all) and return their names.

    Raises PermanentError before the first load, and for an unknown mart.
    """
    wanted = [described_mart(models, name) for name in marts or definition.marts(models)]
    require_batches(settings)
    return table_functions.create(connect(settings, "functions"), settings, models, wanted)


def refresh_functions(settings: Settings, models: definition.Models) -> tuple[str, ...]:
    """Replace the table functions with models that have changed since; return their names."""
    client = connect(settings, "functions")
    hashes = table_functions.recorded_hashes(client, settings)
    outdated = [
        mart
        for mart in (described_mart(models, name) for name in definition.marts(models))
        if table_functions.is_outdated(settings, models, mart, hashes)
    ]
    return table_functions.create(client, settings, models, outdated) if outdated else ()


def has_functions(settings: Settings) -> bool:
    """Return whether a table function was ever created in this warehouse."""
    return bool(table_functions.recorded_hashes(connect(settings, "functions"), settings))


def described_mart(models: definition.Models, name: str) -> Mart:
    """Return the mart with the columns of its contract. Raises PermanentError for an unknown mart."""
    definition.check_mart(models, name)
    return next(mart for mart in load_marts() if mart.name == name)


def check_mart(name: str) -> None:
    """Raise PermanentError for an unknown mart, without compiling the models."""
    known = [mart.name for mart in load_marts()]
    if name not in known:
        raise PermanentError(f"there is no mart '{name}'. {did_you_mean(name, known)}")


def _check_columns(mart: Mart, wanted: Sequence[str]) -> None:
    if not wanted:
        raise PermanentError(f"no column of {mart.name} is selected. {did_you_mean('', mart.column_names)}")
    for place, column in enumerate(wanted):
        if column not in mart.column_names:
            fix = did_you_mean(column, mart.column_names)
            raise PermanentError(f"{mart.name} has no column '{column}'. {fix}")
        if column in wanted[:place]:
            raise PermanentError(f"the column '{column}' is named twice. Name each column once.")


def _condition(mart: Mart, where: str | None) -> str | None:
    """Return the checked condition. Raises PermanentError unless it is one over the mart's columns."""
    if where is None:
        return None
    return checked_condition(where, mart.name, {column.name: column.type for column in mart.columns})
