"""Write docs/reference/ledger.md: the tables of the ledger, from their layouts in the code."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from audit.reconciliation_record import DAYS_DESCRIPTION, RECONCILED_DAYS, RECONCILIATIONS, TOTALS_DESCRIPTION
from cli.reference import markdown
from config.settings import Settings
from metadata.ledger import AUDIT_TABLES
from warehouse.ledger.tables import layouts
from warehouse.tables import TableLayout

COLUMNS = Path(__file__).parent / "ledger_columns.yml"
EVERYWHERE = "everywhere"


def page() -> str:
    """Return the page."""
    sources = "warehouse/ledger/tables.py, cli/reference/ledger_columns.yml"
    return markdown.page(sources, "The ledger", _parts())


def tables() -> dict[str, TableLayout]:
    """Return name -> layout of every table of the ledger, including those of the reconciliation."""
    settings = Settings(_env_file=None, target="local")
    ledger = {layout.table_id.rpartition(".")[2]: layout for layout in layouts(settings)}
    return ledger | {
        "reconciliations": TableLayout("reconciliations", RECONCILIATIONS, TOTALS_DESCRIPTION),
        "reconciled_days": TableLayout("reconciled_days", RECONCILED_DAYS, DAYS_DESCRIPTION),
    }


def column_descriptions() -> Mapping[str, Mapping[str, str]]:
    """Return table -> column -> description, for columns without a description in the layout."""
    descriptions: dict[str, dict[str, str]] = yaml.safe_load(COLUMNS.read_text(encoding="utf-8"))
    return descriptions | {name: columns for name, (_, columns) in AUDIT_TABLES.items()}


def column_description(table: str, column: str) -> str:
    """Return the description of a column of the ledger; an empty string if there is none."""
    descriptions = column_descriptions()
    return descriptions.get(table, {}).get(column) or descriptions[EVERYWHERE].get(column, "")


def _parts() -> Iterator[str]:
    yield (
        "The dataset `<prefix>_audit` records every load, build, reconciliation, rebuild and erasure. Times "
        "are UTC. `wwi status` and `wwi query` read it; only the platform writes it. `wwi audit verify` "
        "finds every later change of `batches`, `table_loads`, `control_totals`, `daily_totals` and "
        "`rejected_values` ([audit](../audit.md))."
    )
    found = tables()
    yield markdown.table(
        ("table", "contains"), ((f"[`{name}`](#{name})", each.description) for name, each in found.items())
    )
    for name, layout in found.items():
        yield f"## {name}"
        yield layout.description
        yield markdown.table(
            ("column", "type", "description"),
            (
                (
                    markdown.code(field.name),
                    field.field_type,
                    field.description or column_description(name, field.name),
                )
                for field in layout.schema
            ),
        )
