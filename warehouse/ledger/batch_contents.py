"""The ledger rows that the hash of a batch covers in addition to the rows in raw."""

from collections.abc import Sequence
from datetime import datetime

from config.settings import Settings
from warehouse.ledger import hash_chain
from warehouse.ledger.tables import Row, columns_of, table_name

# Ledger tables that a batch writes, and the column of `batches` with their content checksum (hash_chain.py).
# The checksum covers all columns: a new column of these tables must be excluded from it.
CONTENT_COLUMNS = {"rejected_values": "rejected_content", "daily_totals": "daily_content"}


def hashed_rows(
    loads: Sequence[Row], totals: Sequence[Row]
) -> dict[str, tuple[dict[str, str], Sequence[Row]]]:
    """Return the ledger rows that the hash of a batch covers, and the types of their columns."""
    rows = {"table_loads": loads, "control_totals": totals}
    return {name: (dict(columns_of(name)), found) for name, found in rows.items()}


def ledger_batch_rows(
    settings: Settings, batches: Sequence[int], load_dts: datetime | None = None
) -> list[hash_chain.BatchRows]:
    """Return the rows that batches have in CONTENT_COLUMNS' tables. `load_dts`: given for one batch."""
    return [
        hash_chain.BatchRows(
            name,
            tuple(column for column, _ in columns_of(name)),
            tuple(batches),
            load_dts,
            relation=table_name(settings, name),
        )
        for name in CONTENT_COLUMNS
    ]
