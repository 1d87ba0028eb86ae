"""Verify that raw and the ledger are unchanged since each batch was completed.

The checksums of every batch are recomputed from raw and from the ledger, and the hash chain
(warehouse/ledger/hash_chain.py) is checked from the first batch to the last. A finding names table and
batch, and its rows if the vault allows to locate them. An erasure of personal values records the checksums
after it (warehouse/ledger/erasures.py); they replace those of the load.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from google.cloud.bigquery import Client

from audit.verification.altered_rows import locate_rows, unexpected_columns
from audit.verification.ledger_state import (
    PARTS,
    Finding,
    LedgerState,
    Row,
    contents_after_erasures,
    contents_at_load,
    ledger_contents_at_load,
    raw_deliveries,
    read_ledger,
)
from config.errors import MissingInWarehouseError
from config.settings import Settings
from metadata.errors import WwiError
from metadata.spec import Catalog
from warehouse.client import connect
from warehouse.ledger import batch_contents, erasures, hash_chain
from warehouse.ledger.batch_contents import ledger_batch_rows
from warehouse.queries import query


@dataclass(frozen=True)
class Verification:
    """What was verified, and the findings. `head`: hash of the newest batch.

    `unchained`: completed batches from before the hash chain, which cannot be verified. `erasures`: number of
    signed records that explain checksums different from the load's.
    """

    verified_at: datetime
    batches: int
    deliveries: int
    rows: int
    head: str | None
    unchained: tuple[int, ...]
    erasures: int
    findings: tuple[Finding, ...]


def verify(settings: Settings, catalog: Catalog, *, head: str | None = None) -> Verification:
    """Recompute every checksum from raw and every hash from the ledger.

    `head`: a hash noted earlier; it must still be in the chain. Raises WwiError if there is no completed
    batch.
    """
    client = connect(settings, "audit")
    try:
        state = read_ledger(client, settings)
    except MissingInWarehouseError:
        state = None
    if state is None or not state.completed:
        raise WwiError("nothing to verify: no batch was completed yet. Run `wwi run`.")
    findings = [*_chain(state), *_erasures(state)]
    if head and head not in {batch["own_hash"] for batch in state.completed}:
        findings.append(
            Finding(f"no batch has the hash {head}: the end of the hash chain was removed or replaced")
        )
    expected = contents_after_erasures(state, contents_at_load(state))
    found = hash_chain.content_checksums(client, settings, raw_deliveries(state))
    for (table, batch_id), content in sorted(expected.items(), key=lambda each: (each[0][1], each[0][0])):
        is_now = found.get((table, batch_id))
        if is_now != content:
            rows = locate_rows(client, settings, catalog, state, table, batch_id)
            findings.append(Finding(_difference(content, is_now, "raw"), batch_id, table, rows))
    findings += _ledger_rows(client, settings, state)
    findings += unexpected_columns(client, settings, state)
    findings += _rows_of_unknown_batches(client, settings, state)
    chained = [batch for batch in state.completed if batch["own_hash"]]
    return Verification(
        datetime.now(UTC),
        len(state.completed),
        len(expected),
        sum(hash_chain.row_count(content) for content in expected.values()),
        chained[-1]["own_hash"] if chained else None,
        tuple(batch["batch_id"] for batch in _unchained(state)),
        len(state.erasures),
        tuple(findings),
    )


def expected_contents(client: Client, settings: Settings) -> dict[tuple[str, int], str | None]:
    """Return {(table, batch): checksum} that the ledger expects now for raw and the ledger's tables."""
    state = read_ledger(client, settings)
    return contents_after_erasures(state, contents_at_load(state) | ledger_contents_at_load(state))


def deliveries(client: Client, settings: Settings) -> list[hash_chain.BatchRows]:
    """Return every table and batch with a checksum in the hash chain."""
    state = read_ledger(client, settings)
    return [*raw_deliveries(state), *_ledger_deliveries(settings, state)]


def _unchained(state: LedgerState) -> list[Row]:
    """Return the first completed batches, which an older release loaded without a hash."""
    found = []
    for batch in state.completed:
        if batch["own_hash"]:
            break
        found.append(batch)
    return found


def _chain(state: LedgerState) -> Iterator[Finding]:
    """Check the batches of the ledger: none is missing, and every hash follows from the one before."""
    ids = [int(batch["batch_id"]) for batch in state.batches]
    for number in sorted({number for number in ids if ids.count(number) > 1}):
        yield Finding(f"the ledger has {ids.count(number)} rows of this batch", number, "batches")
    for number in sorted(set(range(1, max(ids) + 1)) - set(ids)):
        yield Finding("the row of this batch is missing in the ledger", number, "batches")
    known = {number for part in state.parts.values() for number in part} | state.vault_batches
    for number in sorted(known - set(ids)):
        if number > max(ids):
            yield Finding("the row of this batch is missing in the ledger", number, "batches")
    completed, before = state.completed, hash_chain.GENESIS_HASH
    for batch in completed[len(_unchained(state)) :]:
        number = int(batch["batch_id"])
        rows = [state.parts[name].get(number, []) for name in PARTS]
        if not batch["own_hash"]:
            yield Finding("this completed batch has no hash, but an earlier one has", number, "batches")
            continue
        if batch["previous_hash"] != before:
            yield Finding("its hash does not follow the batch before: that was removed or altered", number)
        if (
            hash_chain.batch_hash(batch["previous_hash"] or "", batch, batch_contents.hashed_rows(*rows))
            != batch["own_hash"]
        ):
            yield Finding("a row of the ledger was altered, added or removed", number, _altered(batch, rows))
        before = batch["own_hash"]


def _altered(batch: Row, rows: Sequence[Sequence[Row]]) -> str:
    """Return the ledger tables that may contain the change."""
    loads, totals = rows
    listed = {row["table_name"] for row in loads}
    if listed != {row["table_name"] for row in totals}:
        return "table_loads" if {row["table_name"] for row in totals} - listed else "control_totals"
    return ", ".join(("batches", *PARTS))


def _erasures(state: LedgerState) -> Iterator[Finding]:
    """Check that each erasure is unchanged since it was signed and starts from the current checksums."""
    now = contents_at_load(state) | ledger_contents_at_load(state)
    before = hash_chain.GENESIS_HASH
    for each in state.erasures:
        if each.previous_hash != before or erasures.signature(each) != each.own_hash:
            yield Finding(f"the record of erasure {each.erasure_id} was altered", None, "erasures")
        before = each.own_hash
        for change in each.changes:
            key = change.table, change.batch_id
            if now.get(key) != change.old_content:
                text = f"erasure {each.erasure_id} does not start from the checksum of the batch"
                yield Finding(text, change.batch_id, change.table)
            now[key] = change.new_content


def _ledger_rows(client: Client, settings: Settings, state: LedgerState) -> Iterator[Finding]:
    """Yield ledger tables with rows that differ from those that a batch loaded."""
    expected = contents_after_erasures(state, ledger_contents_at_load(state))
    found = hash_chain.content_checksums(client, settings, _ledger_deliveries(settings, state))
    for (name, batch_id), content in sorted(expected.items()):
        is_now = found.get((name, batch_id), hash_chain.EMPTY_CONTENT)
        if is_now != content:
            yield Finding(_difference(content, is_now, "the ledger"), batch_id, name)


def _ledger_deliveries(settings: Settings, state: LedgerState) -> list[hash_chain.BatchRows]:
    batches = sorted({batch_id for _, batch_id in ledger_contents_at_load(state)})
    return ledger_batch_rows(settings, batches) if batches else []


def _difference(expected: str | None, found: str | None, where: str) -> str:
    more = hash_chain.row_count(found) - hash_chain.row_count(expected)
    if more:
        return f"{abs(more)} rows {'added to' if more > 0 else 'missing in'} {where}"
    return f"rows changed in {where}"


def _rows_of_unknown_batches(client: Client, settings: Settings, state: LedgerState) -> Iterator[Finding]:
    """Yield rows of raw with a batch ID that is not in the ledger."""
    tables = sorted({row["table_name"] for rows in state.parts["table_loads"].values() for row in rows})
    known = ", ".join(str(batch["batch_id"]) for batch in state.batches)
    sql = "\nunion all\n".join(
        f"select '{table}' as table_name, batch_id, count(*) as row_count "
        f"from {hash_chain.raw_table(settings, table)} where batch_id is null or batch_id not in ({known}) "
        "group by batch_id"
        for table in tables
    )
    for row in query(client, sql, timeout_s=settings.load_timeout_s) if tables else []:
        text = f"{row['row_count']} rows in raw have a batch ID that is not in the ledger"
        yield Finding(text, row["batch_id"], row["table_name"])
