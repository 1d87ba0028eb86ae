"""Test that INFORMATION_SCHEMA.COLUMNS from JSON equals bqemulator's own list."""

from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest
from bqemulator.catalog.models import (
    Clustering,
    RangePartitioning,
    TableFieldSchema,
    TableMeta,
    TableSchema,
    TimePartitioning,
)
from bqemulator.jobs.executor import rewrite_table_refs  # type: ignore[attr-defined]
from bqemulator.sql.rewriter import information_schema as plain
from bqemulator.sql.translator import SQLTranslator

from sandbox.emulator.information_schema import columns_as_json

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def table(name: str, *columns: TableFieldSchema, **more: Any) -> TableMeta:
    return TableMeta(
        project_id="p", dataset_id="d", table_id=name, schema=TableSchema(fields=columns), creation_time=NOW,
        last_modified_time=NOW, etag="e", **more,
    )  # fmt: skip


def column(name: str, kind: str, **more: Any) -> TableFieldSchema:
    return TableFieldSchema(name=name, type=kind, **more)


TABLES = (
    table(
        "orders",
        column("order_id", "INTEGER", mode="REQUIRED"),
        column("größe", "NUMERIC", precision=10, scale=2),
        column("comment", "STRING", collation="und:ci"),
        range_partitioning=RangePartitioning(field="order_id", start=0, end=10, interval=1),
        clustering=Clustering(fields=("comment", "order_id")),
    ),
    table(
        "days",
        column("day", "DATE"),
        column("parts", "RECORD", mode="REPEATED", fields=(column("a\\b", "FLOAT"), column("it's", "BOOL"))),
        time_partitioning=TimePartitioning(field="day"),
    ),
    table("all_days", column("day", "DATE"), table_type="VIEW", view_query="select 1"),
)


def column_values(query: str) -> list[dict[str, Any]]:
    """Return the result of the query by column, after the emulator's translation."""
    made: Any = SQLTranslator().translate(f"select * from {query} as c", schema=None)
    found = duckdb.execute(rewrite_table_refs(made.value, "p"))
    names = [each[0] for each in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.mark.parametrize("tables", [TABLES, TABLES[2:]], ids=["several", "a view"])
def test_the_columns_match_those_found_from_values(tables: tuple[TableMeta, ...]) -> None:
    # bqemulator writes quotes in DuckDB's syntax, which BigQuery's parser reads as two strings
    expected = column_values(
        plain._columns_as_values(tables, "p", "d").replace("it''s", "it\\'s").replace("a\\b", "a\\\\b")
    )
    found = column_values(columns_as_json(tables, "p", "d"))
    assert found == expected
    assert [list(row) for row in found] == [list(plain._COLUMNS_COLUMNS)] * len(expected)


def test_a_dataset_without_tables_has_no_columns() -> None:
    assert column_values(columns_as_json((), "p", "d")) == []
