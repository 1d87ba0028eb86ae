"""Write docs/reference/ledger.md: the tables of the ledger, from metadata/ledger.yml."""

from collections.abc import Iterator

from cli.reference import markdown
from metadata.ledger import ledger_tables


def page() -> str:
    """Return the page."""
    return markdown.page("metadata/ledger.yml", "The ledger", _parts())


def _parts() -> Iterator[str]:
    yield (
        "The dataset `<prefix>_audit` records every load, build, reconciliation, rebuild and erasure. Times "
        "are UTC. `wwi status` and `wwi query` read it; only the platform writes it. `wwi audit verify` "
        "finds every later change of `batches`, `table_loads`, `control_totals`, `daily_totals` and "
        "`rejected_values` ([audit](../audit.md))."
    )
    tables = ledger_tables()
    yield markdown.table(
        ("table", "contains"), ((f"[`{name}`](#{name})", each.description) for name, each in tables.items())
    )
    for name, table in tables.items():
        yield f"## {name}"
        yield table.description
        yield markdown.table(
            ("column", "type", "description"),
            ((markdown.code(name), each.type, each.description) for name, each in table.columns.items()),
        )
