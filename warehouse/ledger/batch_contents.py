"""The rows that the hash of a batch covers besides those in raw."""

from collections.abc import Sequence
from datetime import datetime

from config.settings import Settings
from warehouse.ledger import hash_chain
from warehouse.ledger.tables import Row, columns_of, table_name

# Tables whose rows a batch loads: the row of the batch has their content, see hash_chain.py. Their columns
# are part of that: one that is added here must be left out of it.
CONTENTS = {"rejected_values": "rejected_content", "daily_totals": "daily_content"}


def chained(loads: Sequence[Row], totals: Sequence[Row]) -> dict[str, tuple[dict[str, str], Sequence[Row]]]:
    """The rows of a batch that its hash is taken over, besides its own, with the types of their columns."""
    rows = {"table_loads": loads, "control_totals": totals}
    return {name: (dict(columns_of(name)), found) for name, found in rows.items()}


def loaded(
    settings: Settings, batches: Sequence[int], load_dts: datetime | None = None
) -> list[hash_chain.Delivery]:
    """What batches have loaded into CONTENTS, to ask for its content. `load_dts`: of one batch."""
    return [
        hash_chain.Delivery(
            name,
            tuple(column for column, _ in columns_of(name)),
            tuple(batches),
            load_dts,
            relation=table_name(settings, name),
        )
        for name in CONTENTS
    ]
