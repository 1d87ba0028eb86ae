"""Make the emulator's INFORMATION_SCHEMA.COLUMNS faster, by one JSON string in the statement.

bqemulator replaces `INFORMATION_SCHEMA.COLUMNS` in a statement by a list of 16 values per column. With a
thousand columns the tree has 16,000 nodes, which are parsed, copied and written several times: one second
for each dataset of a build. A JSON string is one node.
"""

import json
from collections.abc import Sequence
from typing import Any

from bqemulator.sql.rewriter import information_schema as plain

INTEGER_COLUMNS = frozenset({"ordinal_position", "clustering_ordinal_position"})


def columns_as_json(tables: Sequence[Any], project_id: str, dataset_id: str) -> str:
    """Return the BigQuery query that replaces a dataset's INFORMATION_SCHEMA.COLUMNS."""
    rows = [row for table in sorted(tables, key=lambda t: t.table_id) for row in _rows(table)]
    if not rows:
        return plain._empty_columns_values_subquery()
    constants = _constant_columns(project_id, dataset_id)
    columns = [
        f"{constants[name]} as {name}" if name in constants else f"{_from_json(name)} as {name}"
        for name in plain._COLUMNS_COLUMNS
    ]
    text = json.dumps(rows, separators=(",", ":")).replace("\\", "\\\\").replace("'", "\\'")
    return f"(select {', '.join(columns)} from unnest(json_query_array('{text}')) as r)"


def _from_json(name: str) -> str:
    value = f"json_value(r, '$.{name}')"
    return f"cast({value} as int64)" if name in INTEGER_COLUMNS else value


def _constant_columns(project_id: str, dataset_id: str) -> dict[str, str]:
    """Return the values that are the same for every column, as SQL."""
    texts = {
        "table_catalog": project_id,
        "table_schema": dataset_id,
        "is_generated": "NEVER",
        "is_stored": "NEVER",
        "is_hidden": "NO",
        "is_system_defined": "NO",
    }
    return {name: plain._sql_literal(text) for name, text in texts.items()} | {
        "generation_expression": "cast(null as string)"
    }


def _rows(table: Any) -> list[dict[str, Any]]:
    """Return the values that differ between the columns of a table, without nulls."""
    partitioned_by = plain._partition_field(table)
    clustered = table.clustering.fields if table.clustering else ()
    rows = [
        {
            "table_name": table.table_id,
            "column_name": field.name,
            "ordinal_position": ordinal,
            "is_nullable": _yes_or_no(field.mode != "REQUIRED"),
            "data_type": plain._render_data_type(field),
            "is_updatable": _yes_or_no(table.table_type == "TABLE"),
            "is_partitioning_column": _yes_or_no(field.name == partitioned_by),
            "clustering_ordinal_position": (
                clustered.index(field.name) + 1 if field.name in clustered else None
            ),
            "collation_name": field.collation or None,
        }
        for ordinal, field in enumerate(table.schema_.fields, start=1)
    ]
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def _yes_or_no(value: bool) -> str:
    return "YES" if value else "NO"
