"""Which columns of which tables a query reads, and which partitions its own words exclude.

BigQuery reads whole columns, and skips a partition when a condition on the partitioning column compares it
with constants. A join or a subquery excludes none here, though BigQuery may sometimes find a way: a budget
must hold without luck.
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
    """One reading of a table, named `dataset.table`: the columns needed, and the condition on its rows."""

    table: str
    columns: frozenset[str]
    condition: exp.Expr | None = None

    def may_read(self, column: str, low: Value | None, high: Value | None) -> bool:
        """Whether it reads a partition of `column` with values in [low, high); None is unbounded."""
        return self.condition is None or _may_hold(self.condition, column, low, high)


class Known:
    """What queries of a project may name: tables by their columns, views by their queries.

    Made once for many queries: a view is parsed when it is first met, and the columns are looked up by each
    query, not copied for it.
    """

    def __init__(self, project: str, columns: Columns, views: Mapping[str, str]) -> None:
        self.columns = columns
        self.schema = MappingSchema({project: _by_dataset(columns)}, dialect=_DIALECT)
        self.views: dict[str, Any] = {
            f"{project}.{name}": cache(partial(sqlglot.parse_one, text, read=_DIALECT))
            for name, text in views.items()
        }


def scans(sql: str, known: Known) -> tuple[Scan, ...]:
    """Return what a query reads; a view is read through.

    Raises PermanentError for SQL that cannot be understood, and for a table that is not known.
    """
    try:
        query = sqlglot.parse_one(sql, read=_DIALECT)
        query = exp.expand(query, known.views, dialect=_DIALECT, copy=False)
        _check_known(query, known.columns)
        query = qualify(query, schema=known.schema, dialect=_DIALECT, validate_qualify_columns=False)
        query = pushdown_predicates(query, dialect=_DIALECT)
        query = pushdown_projections(query, schema=known.schema, dialect=_DIALECT)
        found = []
        for scope in traverse_scope(query):
            where = scope.expression.args.get("where")
            for alias, source in scope.sources.items():
                if isinstance(source, exp.Table):
                    used = frozenset(each.name for each in scope.columns if each.table == alias)
                    condition = where.this if where else None
                    found.append(Scan(f"{source.db}.{source.name}", used, condition))
    except SqlglotError as error:
        raise PermanentError(f"the SQL cannot be understood: {error}") from error
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
    """Whether the condition may be true for a value of the column in [low, high); when in doubt, it may."""
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
    """The values, from first to last, for which a comparison of a column with constants may be true."""
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
    """The last value below another."""
    return value - 1 if isinstance(value, int) else value and value - timedelta(microseconds=1)


def _constant(node: exp.Expr) -> Value | None:
    """The value of an integer or of a timestamp; None for all else."""
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
        moment = datetime.fromisoformat(node.this)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _below(one: Value | None, other: Value | None) -> bool:
    return one is None or other is None or one < other  # type: ignore[operator]  # of one column: one type


def _at_most(one: Value | None, other: Value | None) -> bool:
    return one is None or other is None or one <= other  # type: ignore[operator]  # of one column: one type
