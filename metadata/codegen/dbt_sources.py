"""Generate the dbt sources: raw tables and the ledger tables that models read."""

from collections.abc import Iterable

from metadata import naming
from metadata.codegen.models import (
    Field,
)
from metadata.codegen.yaml_text import Entry, column_entries
from metadata.ledger import ledger_tables
from metadata.spec import Table

SOURCE = Field(naming.RECORD_SOURCE, "Record source: system, schema and table of the row.")


_RAW_SYSTEM_COLUMNS = (
    Field(naming.BATCH_ID, "Batch that loaded the row."),
    Field(naming.LOAD_DTS, "Load time of that batch (UTC), the same for all its tables."),
    Field(naming.RECORD_SOURCE, "Record source: system, schema and table of the row."),
    Field(
        naming.CHANGE_TYPE,
        "upsert, or delete when the row was deleted in the source; then only its key is filled.",
    ),
)


def raw_source(tables: Iterable[Table]) -> Entry:
    return {
        "name": naming.RAW_SOURCE,
        "description": "Rows as loaded by ingestion, append-only; the complete history of the source.",
        "database": "{{ target.database }}",
        # a rebuild reads the raw datasets but writes to shadow datasets: operations/rebuild.py
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
                    *column_entries(_RAW_SYSTEM_COLUMNS),
                ],
            }
            for table in tables
        ],
    }


def audit_source() -> Entry:
    return {
        "name": naming.AUDIT_SOURCE,
        "description": "The ledger: what was loaded, when and from where.",
        "database": "{{ target.database }}",
        "schema": "{{ target.schema }}_audit",
        "tables": [
            {
                "name": name,
                "description": table.description,
                "columns": [
                    {"name": column, "description": each.description}
                    for column, each in table.columns.items()
                ],
            }
            for name, table in ledger_tables().items()
            if table.dbt_source
        ],
    }
