"""Rows of satellites are merged into versions of one business key."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audit.history.as_of_time import Load
from audit.history.version_rows import parts_of, statement, typed_key
from audit.history.versions import History, Span, versions
from config.errors import PermanentError
from config.settings import Settings
from metadata.spec import Catalog

START = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = tuple(START + timedelta(days=number) for number in range(5))
LOADS = tuple(Load(number, at, at.replace(tzinfo=None)) for number, at in enumerate(TIMES, start=1))


def satellite_row(model: str, day: int, **payload: Any) -> dict[str, Any]:
    table = "warehouse.stock_item_holdings" if "hold" in model else "warehouse.stock_items"
    return {
        "model": model,
        "load_dts": TIMES[day],
        "record_source": f"wwi.{table}",
        "payload": json.dumps(payload),
    }


def test_satellites_of_one_load_are_one_version_with_what_changed(catalog: Catalog) -> None:
    rows = [
        satellite_row("sat_stock_item__status", 0, is_deleted=False),
        satellite_row(
            "sat_stock_item__pricing", 0, unit_price=10, tax_rate=15, recommended_retail_price=None
        ),
        satellite_row("sat_stock_item__details", 0, stock_item_name="Mug"),
        satellite_row("eff_sat_stock_item_supplier", 2, supplier_id=4),
        satellite_row(
            "sat_stock_item__pricing", 2, unit_price=12, tax_rate=15, recommended_retail_price=None
        ),
        satellite_row(
            "sat_stock_item__holding", 2, quantity_on_hand=7, last_edited_when="2013-01-02T12:00:00"
        ),
    ]
    first, second = versions(rows, parts_of(catalog, "stock_item"), LOADS)
    assert (first.event, first.batch_id, first.edited_when) == ("new", 1, None)
    assert {each.column for each in first.changes} == {"unit_price", "tax_rate", "stock_item_name"}
    assert (second.event, second.batch_id, second.edited_when) == ("changed", 3, "2013-01-02T12:00:00")
    assert [(each.column, each.before, each.after) for each in second.changes] == [
        ("supplier_id", None, 4),
        ("unit_price", 10, 12),
        ("holding.quantity_on_hand", None, 7),
        ("holding.last_edited_when", None, "2013-01-02T12:00:00"),
    ]
    assert second.record_sources == ("wwi.warehouse.stock_item_holdings", "wwi.warehouse.stock_items")
    assert second.state["stock_item_name"] == "Mug"
    assert "supplier_id" not in first.state


def test_deleted_periods_do_not_include_those_of_a_second_table_of_the_hub(catalog: Catalog) -> None:
    rows = [
        satellite_row("sat_stock_item__status", 0, is_deleted=False),
        satellite_row("sat_stock_item__holding_status", 0, is_deleted=False),
        satellite_row("sat_stock_item__status", 1, is_deleted=True),
        satellite_row("sat_stock_item__holding_status", 2, is_deleted=True),
        satellite_row("sat_stock_item__status", 3, is_deleted=False),
        satellite_row("sat_stock_item__status", 4, is_deleted=True),
    ]
    found = History("stock_item", "1", versions(rows, parts_of(catalog, "stock_item"), LOADS), True)
    events = [version.event for version in found.versions]
    assert events == ["new", "deleted", "changed", "returned", "deleted"]
    assert found.versions[2].changes[0].column == "holding.is_deleted"
    assert found.deleted == (Span(TIMES[1], TIMES[3]), Span(TIMES[4], None))


def test_the_warehouse_decides_whether_a_masked_value_changed(catalog: Catalog) -> None:
    rows = [
        satellite_row("sat_person__personal", 0, full_name="K***", changed__full_name=True),
        satellite_row(
            "sat_person__personal", 1, full_name="K***", changed__full_name=True, email_address=None
        ),
        satellite_row("sat_person__personal", 2, full_name="K***", changed__full_name=False),
    ]
    found = versions(rows, parts_of(catalog, "person"), LOADS)
    shown = [[(each.column, each.before, each.after) for each in version.changes] for version in found]
    assert shown == [[("full_name", None, "K***")], [("full_name", "K***", "K***")], []]
    assert History("person", "2", found, True).masked_columns == ("full_name",)


def test_every_mapped_hub_has_a_history_that_masks_personal_columns(catalog: Catalog) -> None:
    settings = Settings(target="local", _env_file=None)
    asked = {table.vault.hub for table in catalog.tables if hasattr(table.vault, "hub")}
    assert {"customer", "supplier", "stock_item", "order", "invoice", "purchase_order", "person"} <= asked
    for entity in asked:
        parts = parts_of(catalog, entity)
        masked = statement(catalog, entity, parts, settings, personal=False)
        shown = statement(catalog, entity, parts, settings, personal=True)
        assert "'***'" not in shown
        lines = {line.strip().rstrip(",") for line in masked.splitlines()}
        for name in (name for part in parts for name in part.personal):
            assert f"as {name}" in masked
            assert f"part.{name}" not in lines


def test_an_unknown_entity_or_key_is_an_error_with_suggestions(catalog: Catalog) -> None:
    with pytest.raises(PermanentError, match=r"Did you mean 'customer'.*supplier"):
        parts_of(catalog, "custmer")
    with pytest.raises(PermanentError, match="customer 'Tailspin': customer_id must be a whole number"):
        typed_key(catalog, "customer", "Tailspin")
