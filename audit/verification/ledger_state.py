"""Read the current ledger, and compute the checksums that it expects, for `wwi audit verify`."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.cloud.bigquery import Client

from config.settings import Settings
from warehouse.ledger import erasures, hash_chain
from warehouse.ledger.batch_contents import CONTENT_COLUMNS
from warehouse.ledger.tables import COMPLETED, table_name
from warehouse.queries import query

Row = dict[str, Any]


PARTS = ("table_loads", "control_totals")


@dataclass(frozen=True)
class Finding:
    """A change since the load. `table`: a source table or a ledger table; `rows`: keys, if known."""

    what: str
    batch_id: int | None = None
    table: str | None = None
    rows: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class LedgerState:
    """The current ledger: batches in order, and the rows of each."""

    batches: Sequence[Row]
    parts: Mapping[str, Mapping[int, Sequence[Row]]]
    vault_batches: frozenset[int]
    erasures: Sequence[erasures.Erasure]

    @property
    def completed(self) -> list[Row]:
        return [batch for batch in self.batches if batch["status"] == COMPLETED]


def read_ledger(client: Client, settings: Settings) -> LedgerState:
    def ask(name: str, order: str = "batch_id") -> list[Row]:
        sql = f"select * from {table_name(settings, name)} order by {order}"
        return query(client, sql, timeout_s=settings.load_timeout_s)

    parts: dict[str, dict[int, list[Row]]] = {}
    for name in PARTS:
        by_batch: dict[int, list[Row]] = defaultdict(list)
        for row in ask(name, "batch_id, table_name"):
            by_batch[row["batch_id"]].append(row)
        parts[name] = by_batch
    batches = ask("batches")
    if batches and "own_hash" not in batches[0]:
        batches = [{**batch, **dict.fromkeys(hash_chain.HASH_COLUMNS)} for batch in batches]
    in_vault = frozenset(int(row["batch_id"]) for row in ask("vault_loads"))
    return LedgerState(batches, parts, in_vault, erasures.read(client, settings))


def contents_at_load(state: LedgerState) -> dict[tuple[str, int], str | None]:
    return {
        (row["table_name"], batch["batch_id"]): row["content"]
        for batch in state.completed
        if batch["own_hash"]
        for row in state.parts["table_loads"].get(batch["batch_id"], [])
    }


def ledger_contents_at_load(state: LedgerState) -> dict[tuple[str, int], str | None]:
    """Return the checksum of each batch's rows in the ledger; batches of an older release have none."""
    return {
        (name, batch["batch_id"]): batch[column]
        for batch in state.completed
        for name, column in CONTENT_COLUMNS.items()
        if batch["own_hash"] and batch.get(column)
    }


def contents_after_erasures(
    state: LedgerState, at_load: Mapping[tuple[str, int], str | None]
) -> dict[tuple[str, int], str | None]:
    """Return the checksum that each table and batch must have now: from the load or from a later erasure."""
    found = dict(at_load)
    for each in state.erasures:
        found |= {
            key: change.new_content
            for change in each.changes
            if (key := (change.table, change.batch_id)) in found
        }
    return found


def raw_deliveries(state: LedgerState) -> list[hash_chain.BatchRows]:
    """Return what to read from raw; batches of a table with the same columns are read together."""
    groups: dict[tuple[str, tuple[str, ...]], list[int]] = defaultdict(list)
    for table, batch_id in contents_at_load(state):
        load = next(row for row in state.parts["table_loads"][batch_id] if row["table_name"] == table)
        groups[table, tuple(json.loads(load["columns"] or "{}"))].append(batch_id)
    return [hash_chain.BatchRows(table, columns, tuple(ids)) for (table, columns), ids in groups.items()]
