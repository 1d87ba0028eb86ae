"""The dbt sources: raw tables and the ledger tables that models read."""

from collections.abc import Iterable

from metadata import naming
from metadata.codegen.models import (
    Field,
)
from metadata.codegen.yaml_text import Entry, column_entries
from metadata.ledger import AUDIT_TABLES
from metadata.spec import Table

SOURCE = Field(naming.RECORD_SOURCE, "System, schema and table the row came from.")


_RAW_PLUMBING = (
    Field(naming.BATCH_ID, "Batch that brought the row."),
    Field(naming.LOAD_DTS, "Time of that batch (UTC), the same for all its tables."),
    Field(naming.RECORD_SOURCE, "System, schema and table the row came from."),
    Field(naming.CHANGE_TYPE, "upsert, or delete when the row is gone and only its key is filled."),
)


def raw_source(tables: Iterable[Table]) -> Entry:
    return {
        "name": naming.RAW_SOURCE,
        "description": "Rows as ingestion brought them, append-only; the complete record of the source.",
        "database": "{{ target.database }}",
        # a rebuild writes under a prefix of its own and reads the raw of another: operations/rebuild.py
        "schema": f"{{{{ env_var('{naming.RAW_PREFIX}', target.schema) }}}}_raw",
        "tables": [
            {
                "name": table.raw_name,
                "description": table.description,
                "columns": [
                    *column_entries(
                        Field(column.name, column.description, column.is_personal)
                        for column in table.loaded_columns
                    ),
                    *column_entries(_RAW_PLUMBING),
                ],
            }
            for table in tables
        ],
    }


def audit_source() -> Entry:
    return {
        "name": naming.AUDIT_SOURCE,
        "description": "The ledger: what was loaded when, and from where.",
        "database": "{{ target.database }}",
        "schema": "{{ target.schema }}_audit",
        "tables": [
            {
                "name": name,
                "description": description,
                "columns": [
                    {"name": column, "description": sentence} for column, sentence in columns.items()
                ],
            }
            for name, (description, columns) in AUDIT_TABLES.items()
        ],
    }
