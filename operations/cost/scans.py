"""Find the columns and partitions that a query reads.

BigQuery reads whole columns, and prunes partitions by conditions that compare the partitioning column with
constants. Joins and subqueries never prune here, although BigQuery sometimes does: the estimate is an upper
bound.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.pushdown_predicates import pushdown_predicates
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

from config.errors import PermanentError

Value = int | datetime
# column -> BigQuery type, of each `dataset.table`
Columns = Mapping[str, Mapping[str, str]]

_DIALECT = "bigquery"


@dataclass(frozen=True)
class Scan:
    """One scan of a table (`dataset.table`): the columns read, and the condition on its rows."""

    table: str
    columns: frozenset[str]
    condition: exp.Expr | None = None

    def may_read(self, column: str, low: Value | None, high: Value | None) -> bool:
        """Return whether it may read a partition of `column` with values in [low, high); None: unbounded."""
        return self.condition is None or _may_hold(self.condition, column, low, high)


class Schema:
    """The tables of a project with their columns, and its views with their queries.

    Create it once for many queries: each view is parsed once, at its first use.
    """

    def __init__(self, project: str, columns: Columns, views: Mapping[str, str]) -> None:
        self.columns = columns
        self.mapping = MappingSchema({project: _by_dataset(columns)}, dialect=_DIALECT)
        self.views: dict[str, Any] = {
            f"{project}.{name}": cache(partial(sqlglot.parse_one, text, read=_DIALECT))
            for name, text in views.items()
        }


def scans(sql: str, schema: Schema) -> tuple[Scan, ...]:
    """Return the scans of a query; views are expanded.

    Raises PermanentError for SQL that cannot be parsed and for unknown tables.
    """
    try:
        query = sqlglot.parse_one(sql, read=_DIALECT)
        query = exp.expand(query, schema.views, dialect=_DIALECT, copy=False)
        _check_known(query, schema.columns)
        query = qualify(query, schema=schema.mapping, dialect=_DIALECT, validate_qualify_columns=False)
        query = pushdown_predicates(query, dialect=_DIALECT)
        query = pushdown_projections(query, schema=schema.mapping, dialect=_DIALECT)
        found = []
        for scope in traverse_scope(query):
            where = scope.expression.args.get("where")
            for alias, source in scope.sources.items():
                if isinstance(source, exp.Table):
                    used = frozenset(each.name for each in scope.columns if each.table == alias)
                    condition = where.this if where else None
                    found.append(Scan(f"{source.db}.{source.name}", used, condition))
    except SqlglotError as error:
        raise PermanentError(f"cannot parse the SQL: {error}") from error
    return tuple(found)


def _check_known(query: exp.Expr, columns: Columns) -> None:
    for table in query.find_all(exp.Table):
        if table.db and f"{table.db}.{table.name}" not in columns:
            raise PermanentError(f"table {table.db}.{table.name} does not exist. Run `wwi build` first.")


def _by_dataset(columns: Columns) -> dict[str, object]:
    datasets: dict[str, dict[str, dict[str, str]]] = {}
    for name, types in columns.items():
        dataset, _, table = name.partition(".")
        datasets.setdefault(dataset, {})[table] = dict(types)
    return dict(datasets)


def _may_hold(condition: exp.Expr, column: str, low: Value | None, high: Value | None) -> bool:
    """Return whether the condition may be true for a value of the column in [low, high)."""
    match condition:
        case exp.Paren():
            return _may_hold(condition.this, column, low, high)
        case exp.And():
            return all(_may_hold(each, column, low, high) for each in (condition.left, condition.right))
        case exp.Or():
            return any(_may_hold(each, column, low, high) for each in (condition.left, condition.right))
        case exp.Boolean():
            return bool(condition.this)
    if not (isinstance(condition.this, exp.Column) and condition.this.name == column):
        return True
    return any(_at_most(low, last) and _below(first, high) for first, last in _ranges(condition))


def _ranges(condition: exp.Expr) -> list[tuple[Value | None, Value | None]]:
    """Return the ranges (first, last) for which a comparison with constants may be true."""
    match condition:
        case exp.In() if condition.expressions:
            return [(_constant(each), _constant(each)) for each in condition.expressions]
        case exp.Between():
            return [(_constant(condition.args["low"]), _constant(condition.args["high"]))]
        case exp.EQ():
            return [(_constant(condition.expression), _constant(condition.expression))]
        case exp.GTE() | exp.GT():
            return [(_constant(condition.expression), None)]
        case exp.LTE() | exp.LT():
            last = _constant(condition.expression)
            return [(None, last if isinstance(condition, exp.LTE) else _before(last))]
    return [(None, None)]


def _before(value: Value | None) -> Value | None:
    """Return the largest value below another."""
    return value - 1 if isinstance(value, int) else value and value - timedelta(microseconds=1)


def _constant(node: exp.Expr) -> Value | None:
    """Return the value of an integer or timestamp literal; None for anything else."""
    if isinstance(node, exp.Cast):
        node = node.this
    if isinstance(node, exp.Neg):
        value = _constant(node.this)
        return -value if isinstance(value, int) else None
    if not isinstance(node, exp.Literal):
        return None
    if not node.is_string:
        return int(node.this) if node.this.isdigit() else None
    try:
        time = datetime.fromisoformat(node.this)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _below(one: Value | None, other: Value | None) -> bool:
    return one is None or other is None or one < other  # type: ignore[operator]  # of one column: one type


def _at_most(one: Value | None, other: Value | None) -> bool:
    return one is None or other is None or one <= other  # type: ignore[operator]  # of one column: one type
