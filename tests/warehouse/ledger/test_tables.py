"""Test that the ledger stores values unchanged and its tables are recreated when needed."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ingestion.batch_ledger import Batch, open_batch, set_status, void_batch
from ingestion.load import create_tables
from tests.shop import SHOP, World
from warehouse.ledger.tables import VOID, insert, layouts, string_literal
from warehouse.queries import execute

pytestmark = pytest.mark.services

HARD_TEXT = 'o\'x;\n"quoted" \\ \\n %s {a} @p ` ünï😀 -- /* \r\n\t end\\'


def test_texts_and_numbers_are_stored_unchanged(shop: World) -> None:
    create_tables.ensure_layout(shop.client, shop.settings, SHOP)
    moment = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    batch = Batch(1, moment, datetime(2013, 1, 1, 0, 0, 0, 7), HARD_TEXT, "1:1:", moment)
    open_batch(shop.client, shop.settings, batch, "")
    set_status(shop.client, shop.settings, 1, VOID, HARD_TEXT)
    most = Decimal("12345678901234567890123456789.123456789")
    totals = [{"batch_id": 1, "table_name": HARD_TEXT, "control": None, "value": most}]
    execute(shop.client, insert(shop.settings, "control_totals", totals))
    row = shop.ask("select * from {audit}.batches")[0]
    assert (row["source_system"], row["error"], row["status"]) == (HARD_TEXT, HARD_TEXT, "void")
    assert (row["load_dts"], row["applied_dts"]) == (batch.load_dts, batch.applied_dts)
    assert shop.ask("select * from {audit}.control_totals") == totals


def test_a_completed_batch_cannot_be_abandoned(shop: World) -> None:
    shop.load()
    void_batch(shop.client, shop.settings, 1, "late trouble")
    assert shop.statuses() == ["completed"]


def test_a_literal_is_quoted_and_on_one_line() -> None:
    assert string_literal("a'b\\c\nd") == r"'a\'b\\c\nd'"


def test_nothing_is_created_again_while_the_metadata_are_unchanged(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_tables.ensure_layout(shop.client, shop.settings, SHOP)
    made = []
    monkeypatch.setattr(create_tables, "ensure_table", lambda _, item: made.append(item.table_id))
    create_tables.ensure_layout(shop.client, shop.settings, SHOP)
    assert made == []
    create_tables.ensure_layout(shop.client, shop.settings, SHOP, force=True)
    assert len(made) == len(SHOP.tables) + len(layouts(shop.settings))


def test_a_dropped_ledger_table_is_recreated(shop: World) -> None:
    create_tables.ensure_layout(shop.client, shop.settings, SHOP)
    shop.ask("drop table {audit}.table_loads")
    assert shop.load().rows_loaded == 5
