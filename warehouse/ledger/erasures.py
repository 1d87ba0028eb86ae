"""The ledger of erasures: whose values were erased, by whom, when and why, and what raw contains since then.

An erasure changes rows of completed batches, so it leaves a signed record with the content checksum before
and after for each table and batch. The hash of a record includes the hash of the previous record, as in
warehouse/ledger/hash_chain.py; the batch hashes do not change. No erased value is stored.
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
# replaces a text that may not be null; the source should use the same
ERASED = "[erased]"


@dataclass(frozen=True)
class Change:
    """The rows of one table and batch that an erasure changed: count, columns, content before and after."""

    table: str
    batch_id: int
    rows: int
    columns: tuple[str, ...]
    old_content: str | None
    new_content: str | None


@dataclass(frozen=True)
class Erasure:
    """One signed erasure. `head`: hash of the newest batch at that time."""

    erasure_id: int
    entity: str
    entity_key: str
    erased_at: datetime
    erased_by: str
    reason: str
    head: str | None
    changes: tuple[Change, ...]
    previous_hash: str = hash_chain.GENESIS_HASH
    own_hash: str = ""


def signature(each: Erasure) -> str:
    """Return the hash of a record, which covers the previous hash, all its values and its changes."""
    values = asdict(each) | {"erased_at": each.erased_at.astimezone(UTC).isoformat(timespec="microseconds")}
    values["changes"] = sorted(values["changes"], key=lambda change: (change["table"], change["batch_id"]))
    del values["own_hash"]
    return hash_chain.json_sha256(values)


def read(client: Client, settings: Settings) -> list[Erasure]:
    """Return all erasures in order."""
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
    """Return the statements that insert a record, for the transaction that changes the rows."""
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
