"""Test that `audit verify` finds every later change of raw and ledger, with table and batch."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from audit.verification.verify import Verification, verify
from metadata.errors import WwiError
from tests.shop import World
from warehouse.queries import execute

pytestmark = pytest.mark.services

STRAY = "1 rows in raw have a batch ID that is not in the ledger"


@dataclass(frozen=True)
class Change:
    """A manual change: table and statement, and the expected finding with its batch."""

    table: str
    statement: str
    batch: int | None
    where: str | None
    what: str


ROW = "select * replace (99 as visit_id)"
CHANGES = (
    Change("{raw}.shop__accounts", "update {table} set owner = 'Ann ' where account_id = 1 and batch_id = 1",
            1, "shop.accounts", "rows changed in raw"),
    Change("{raw}.shop__accounts", "update {table} set balance = null where account_id = 2 and batch_id = 2",
            2, "shop.accounts", "rows changed in raw"),
    Change("{raw}.shop__accounts", "update {table} set load_dts = timestamp_add(load_dts, interval 1 day) "
            "where account_id = 2 and batch_id = 2", 2, "shop.accounts", "rows changed in raw"),
    Change("{raw}.shop__visits", "delete from {table} where visit_id = 8", 1, "shop.visits",
            "1 rows missing in raw"),
    Change("{raw}.shop__visits", f"insert into {{table}} {ROW} from {{table}} where visit_id = 7", 1,
            "shop.visits", "1 rows added to raw"),
    # batch 2 loaded no row of this table
    Change("{raw}.shop__visits", "insert into {table} select * replace (2 as batch_id) from {table} "
            "where visit_id = 7", 2, "shop.visits", "1 rows added to raw"),
    Change("{raw}.shop__visits", "insert into {table} select * replace (77 as batch_id) from {table} "
            "where visit_id = 7", 77, "shop.visits", STRAY),
    Change("{audit}.batches", "delete from {table} where batch_id = 1", 1, "batches",
            "the row of this batch is missing in the ledger"),
    Change("{audit}.batches", "delete from {table} where batch_id = 1", 2, None,
            "its hash does not follow the batch before: that was removed or altered"),
    Change("{audit}.batches", "update {table} set applied_dts = datetime '2000-01-01 00:00:00' "
            "where batch_id = 2", 2, "batches, table_loads, control_totals",
            "a row of the ledger was altered, added or removed"),
    Change("{audit}.batches", "update {table} set status = 'void' where batch_id = 1", 2, None,
            "its hash does not follow the batch before: that was removed or altered"),
    Change("{audit}.batches", "update {table} set own_hash = null where batch_id = 2", 2, "batches",
            "this completed batch has no hash, but an earlier one has"),
    Change("{audit}.table_loads", "delete from {table} where table_name = 'shop.visits' and batch_id = 2", 2,
            "table_loads", "a row of the ledger was altered, added or removed"),
    Change("{audit}.table_loads", "update {table} set rows_upserted = 7 "
            "where table_name = 'shop.visits' and batch_id = 1", 1, "batches, table_loads, control_totals",
            "a row of the ledger was altered, added or removed"),
    Change("{audit}.control_totals", "update {table} set value = value + 0.01 "
            "where control = 'doubled' and batch_id = 1", 1, "batches, table_loads, control_totals",
            "a row of the ledger was altered, added or removed"),
    Change("{audit}.rejected_values", "update {table} set value = '2013-01-01' where batch_id = 1", 1,
            "rejected_values", "rows changed in the ledger"),
    Change("{audit}.rejected_values", "insert into {table} select * replace (2 as batch_id) from {table}", 2,
            "rejected_values", "1 rows added to the ledger"),
    Change("{audit}.batches", "update {table} set rejected_content = null where batch_id = 1", 1,
            "batches, table_loads, control_totals", "a row of the ledger was altered, added or removed"),
)  # fmt: skip


def found(shop: World, head: str | None = None) -> Verification:
    return verify(shop.settings, shop.catalog, head=head)


def run(shop: World, statement: str) -> None:
    names = {layer: shop.settings.dataset(layer) for layer in ("raw", "audit")}
    execute(shop.client, statement.format(**names))


def verified_changes(shop: World) -> Iterator[tuple[Change, Verification]]:
    """Apply the changes one by one, undoing each before the next."""
    for each in CHANGES:
        run(shop, f"create or replace table {{audit}}.kept as select * from {each.table}")
        run(shop, each.statement.replace("{table}", each.table))
        yield each, found(shop)
        run(shop, f"delete from {each.table} where true")
        run(shop, f"insert into {each.table} select * from {{audit}}.kept")


def test_every_manual_change_of_raw_or_ledger_is_found(shop: World) -> None:
    with pytest.raises(WwiError, match="nothing to verify"):
        found(shop)
    shop.source.execute("update shop.visits set at = 'infinity' where visit_id = 8")
    shop.load()
    shop.source.execute("update shop.accounts set balance = 99.99 where account_id = 2")
    shop.source.execute("delete from shop.accounts where account_id = 3")
    shop.load()
    whole = found(shop)
    assert (whole.batches, whole.deliveries, whole.rows, whole.findings) == (2, 4, 7, ())
    for each, verified in verified_changes(shop):
        findings = {(one.batch_id, one.table, one.what) for one in verified.findings}
        assert (each.batch, each.where, each.what) in findings, each
        assert {batch for batch, _, _ in findings if batch is not None} <= {each.batch, 1, 2, 77}, each
    assert found(shop).findings == (), "all changes are undone"

    shop.load()
    head = found(shop).head
    run(shop, "delete from {audit}.batches where batch_id = 3")
    run(shop, "delete from {audit}.table_loads where batch_id = 3")
    run(shop, "delete from {audit}.control_totals where batch_id = 3")
    assert found(shop).findings == (), "missing last batches are only found with --head"
    (cut,) = found(shop, head).findings
    assert cut.what.startswith("no batch has the hash")
    assert found(shop, whole.head).findings == ()


def test_a_new_column_does_not_change_hashes_of_old_batches(shop: World) -> None:
    shop.load()
    shop.source.execute("alter table shop.visits add column note text")
    shop.source.execute("update shop.visits set note = 'late' where visit_id = 7")
    shop.load()
    assert found(shop).findings == ()
    run(shop, "update {raw}.shop__visits set note = 'injected' where batch_id = 1 and visit_id = 8")
    (one,) = found(shop).findings
    assert (one.batch_id, one.table, one.what) == (
        1, "shop.visits", "1 rows have a value in column note, which this batch did not load",
    )  # fmt: skip
