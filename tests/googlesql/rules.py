"""Documented limits of BigQuery tables that the analyzer does not check."""

from collections.abc import Iterator

from tests.googlesql.analyzer import Column, RefusedError, Statement

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
# column name prefixes reserved by BigQuery
RESERVED_NAMES = ("_table_", "_file_", "_partition", "_row_timestamp", "__root__", "_colidentifier")
NAME_LENGTH = 300


def check(statement: Statement) -> None:
    """Raise RefusedError for a table that BigQuery cannot create."""
    if statement.target is None:
        return
    for problem in _problems(statement):
        raise RefusedError(f"{'.'.join(statement.target)}: {problem}")


def _problems(statement: Statement) -> Iterator[str]:
    types = {column.name: column.type for column in statement.columns}
    for column in statement.columns:
        yield from _name_problems(column)
    if len(statement.clusters) > MOST_CLUSTERED:
        yield f"clustered by {len(statement.clusters)} columns; BigQuery takes {MOST_CLUSTERED}"
    for name in statement.clusters:
        if types[name] not in CLUSTERED_TYPES:
            yield f"clustered by {name}; BigQuery cannot cluster by {types[name]}"
    for function, name in statement.partitions:
        if types[name] not in PARTITIONED_BY.get(function, {"DATE"}):
            yield f"partitioned by {function}({name}), which BigQuery does not take for {types[name]}"


def _name_problems(column: Column) -> Iterator[str]:
    if len(column.name) > NAME_LENGTH or column.name.lower().startswith(RESERVED_NAMES):
        yield f"BigQuery does not take the column name {column.name}"
