"""The ledger of erasures: who had which person's values taken out, when and why, and what raw holds since.

An erasure changes rows of completed batches, so it leaves a signed record: for each table and batch the
content before and after. The hash of a record includes that of the record before, as in
warehouse/ledger/hash_chain.py; the hashes of the batches stay as they were. No erased value is kept.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from google.cloud.bigquery import Client

from config.errors import MissingInWarehouseError
from config.settings import Settings
from warehouse.ledger import hash_chain
from warehouse.ledger.tables import insert, table_name
from warehouse.queries import query

TABLES = ("erasures", "erased_contents")
# what stands for a text that may not be null; the source is asked to write the same
ERASED = "[erased]"


@dataclass(frozen=True)
class Change:
    """One delivery that an erasure changed: its rows, the columns, and its content before and after."""

    table: str
    batch_id: int
    rows: int
    columns: tuple[str, ...]
    old_content: str | None
    new_content: str | None


@dataclass(frozen=True)
class Erasure:
    """One erasure as it was signed. `head`: hash of the newest batch then."""

    erasure_id: int
    entity: str
    entity_key: str
    erased_at: datetime
    erased_by: str
    reason: str
    head: str | None
    changes: tuple[Change, ...]
    previous_hash: str = hash_chain.START
    own_hash: str = ""


def signature(each: Erasure) -> str:
    """The hash of a record: over the record before, everything it says and every content."""
    told = asdict(each) | {"erased_at": each.erased_at.astimezone(UTC).isoformat(timespec="microseconds")}
    told["changes"] = sorted(told["changes"], key=lambda change: (change["table"], change["batch_id"]))
    del told["own_hash"]
    return hash_chain.digest(told)


def read(client: Client, settings: Settings) -> list[Erasure]:
    """Return every erasure in its order; none where nothing was ever erased."""
    names = {name: table_name(settings, name) for name in TABLES}
    try:
        rows = query(
            client,
            f"select * from {names['erasures']} order by erasure_id",
            timeout_s=settings.query_timeout_s,
        )
        changes = query(
            client,
            f"select * from {names['erased_contents']} order by erasure_id, table_name, batch_id",
            timeout_s=settings.query_timeout_s,
        )
    except MissingInWarehouseError:
        return []
    return [
        Erasure(
            **{name: row[name] for name in Erasure.__dataclass_fields__ if name != "changes"},
            changes=tuple(
                Change(
                    change["table_name"],
                    change["batch_id"],
                    change["delivery_rows"],
                    tuple(json.loads(change["columns"])),
                    change["old_content"],
                    change["new_content"],
                )
                for change in changes
                if change["erasure_id"] == row["erasure_id"]
            ),
        )
        for row in rows
    ]


def insert_statements(settings: Settings, each: Erasure) -> Sequence[str]:
    """The statements that write a record, for the transaction that changes the rows."""
    lines = [
        {
            **asdict(change),
            "erasure_id": each.erasure_id,
            "table_name": change.table,
            "delivery_rows": change.rows,
            "columns": json.dumps(change.columns),
        }
        for change in each.changes
    ]
    return (
        insert(settings, "erased_contents", lines),
        insert(settings, "erasures", [asdict(each)]),
    )
