"""What BigQuery asks of a table besides what the analyzer knows, from its documented limits."""

from collections.abc import Iterator

import zetasql.types as zt

from tests.googlesql.analyzer import Column, RefusedError, Statement, nodes

MOST_CLUSTERED = 4
CLUSTERED_TYPES = {
    "BIGNUMERIC", "BOOL", "DATE", "DATETIME", "GEOGRAPHY", "INT64", "NUMERIC", "STRING", "TIMESTAMP"
}  # fmt: skip
PARTITIONED_BY = {
    "date": {"TIMESTAMP", "DATETIME"},
    "date_trunc": {"DATE"},
    "timestamp_trunc": {"TIMESTAMP"},
    "datetime_trunc": {"DATETIME"},
    "range_bucket": {"INT64"},
}
# prefixes of column names that BigQuery keeps for itself
RESERVED_NAMES = ("_table_", "_file_", "_partition", "_row_timestamp", "__root__", "_colidentifier")
NAME_LENGTH = 300


def check(statement: Statement) -> None:
    """Raise RefusedError for a table that BigQuery would not make."""
    if not isinstance(statement.node, zt.ResolvedCreateTableStmtBase | zt.ResolvedCreateViewBase):
        return
    for problem in _problems(statement):
        raise RefusedError(f"{'.'.join(statement.target or ())}: {problem}")


def partition_column(statement: Statement) -> str | None:
    """Name of the column that the table is partitioned by."""
    return next((name for _, name in _partitions(statement)), None)


def cluster_columns(statement: Statement) -> list[str]:
    """Names of the columns that the table is clustered by."""
    found = getattr(statement.node, "cluster_by_list", [])
    return [
        node.column.name for each in found for node in nodes(each) if isinstance(node, zt.ResolvedColumnRef)
    ]


def _problems(statement: Statement) -> Iterator[str]:
    types = {column.name: column.type for column in statement.columns}
    for column in statement.columns:
        yield from _name_problems(column)
    clustered = cluster_columns(statement)
    if len(clustered) > MOST_CLUSTERED:
        yield f"clustered by {len(clustered)} columns; BigQuery takes {MOST_CLUSTERED}"
    for name in clustered:
        if types[name] not in CLUSTERED_TYPES:
            yield f"clustered by {name}; BigQuery cannot cluster by {types[name]}"
    for function, name in _partitions(statement):
        if types[name] not in PARTITIONED_BY.get(function, {"DATE"}):
            yield f"partitioned by {function}({name}), which BigQuery does not take for {types[name]}"


def _name_problems(column: Column) -> Iterator[str]:
    if len(column.name) > NAME_LENGTH or column.name.lower().startswith(RESERVED_NAMES):
        yield f"BigQuery does not take the column name {column.name}"


def _partitions(statement: Statement) -> Iterator[tuple[str, str]]:
    """Function and column of each partition expression; a bare column has no function."""
    for expression in getattr(statement.node, "partition_by_list", []):
        found = [node for node in nodes(expression) if isinstance(node, zt.ResolvedColumnRef)]
        function = getattr(getattr(expression, "function", None), "name", "")
        for each in found:
            yield function.partition(":")[2].lower(), each.column.name
