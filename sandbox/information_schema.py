"""How the local emulator tells the columns of a dataset: as one piece of JSON in the statement.

bqemulator writes `INFORMATION_SCHEMA.COLUMNS` into a statement as a list of values, sixteen a column. With a
thousand columns these are sixteen thousand nodes of a tree that is parsed, copied and written several times,
a second in all, and a build asks for each of its datasets. A string is one node, whatever is in it.
"""

import json
from collections.abc import Sequence
from typing import Any

from bqemulator.sql.rewriter import information_schema as plain

WHOLE_NUMBERS = frozenset({"ordinal_position", "clustering_ordinal_position"})


def columns_as_json(tables: Sequence[Any], project_id: str, dataset_id: str) -> str:
    """Return the query that takes the place of a dataset's INFORMATION_SCHEMA.COLUMNS, in BigQuery's SQL."""
    rows = [row for table in sorted(tables, key=lambda t: t.table_id) for row in _rows(table)]
    if not rows:
        return plain._empty_columns_values_subquery()
    same = _told_of_all(project_id, dataset_id)
    columns = [
        f"{same[name]} as {name}" if name in same else f"{_from_json(name)} as {name}"
        for name in plain._COLUMNS_COLUMNS
    ]
    text = json.dumps(rows, separators=(",", ":")).replace("\\", "\\\\").replace("'", "\\'")
    return f"(select {', '.join(columns)} from unnest(json_query_array('{text}')) as r)"


def _from_json(name: str) -> str:
    value = f"json_value(r, '$.{name}')"
    return f"cast({value} as int64)" if name in WHOLE_NUMBERS else value


def _told_of_all(project_id: str, dataset_id: str) -> dict[str, str]:
    """What is the same for every column, as SQL."""
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
    """What differs from column to column of a table; what is null is left out."""
    partitioned_by = plain._partition_field(table)
    clustered = table.clustering.fields if table.clustering else ()
    rows = [
        {
            "table_name": table.table_id,
            "column_name": field.name,
            "ordinal_position": ordinal,
            "is_nullable": _yes(field.mode != "REQUIRED"),
            "data_type": plain._render_data_type(field),
            "is_updatable": _yes(table.table_type == "TABLE"),
            "is_partitioning_column": _yes(field.name == partitioned_by),
            "clustering_ordinal_position": (
                clustered.index(field.name) + 1 if field.name in clustered else None
            ),
            "collation_name": field.collation or None,
        }
        for ordinal, field in enumerate(table.schema_.fields, start=1)
    ]
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def _yes(is_so: bool) -> str:
    return "YES" if is_so else "NO"
