"""The marts over some loads: what they hold, whom they name, rows that go and come back."""

from datetime import timedelta
from typing import Any

import pytest
import yaml

from metadata.reconciliation import load_reconciliation
from tests.marts.business import GONE, Business
from transform.dbt_invocation import VAULT_DIR

pytestmark = [pytest.mark.services, pytest.mark.end_to_end]


def test_every_fact_holds_what_the_source_holds(business: Business) -> None:
    assert business.told[-1].differences == []
    empty = [
        fact.name
        for fact in load_reconciliation(business.catalog)
        if business.ask(f"select count(*) as n from {{m}}.{fact.name}") == [{"n": 0}]
    ]
    assert empty == []


def test_nobody_is_named_in_the_default_dimensions(business: Business) -> None:
    """What stands in a personal column of the table stands nowhere in the view, unless it names a store."""
    files = yaml.safe_load((VAULT_DIR / "models" / "marts" / "_dimensions.yml").read_text())
    columns = [
        (model["name"], column["name"])
        for model in files["models"]
        for column in model["columns"]
        if column.get("config", {}).get("meta", {}).get("sensitivity") == "personal"
    ]
    assert len(columns) > 5
    stores = "select customer from {m}.dim_customer_unmasked where buying_group != 'N/A'"
    for table, column in columns:
        view = table.removesuffix("_unmasked")
        hidden = f"select {column} from {{m}}.{table} where {column} is not null"
        if column in {"customer", "bill_to_customer"}:
            hidden += f" and {column} not in ({stores})"
        if column != "photo":
            hidden += f" and {column} not in ('Unknown', 'N/A')"
        seen = business.ask(f"select {column} from {{m}}.{view} where {column} in ({hidden})")
        assert seen == [], f"{view}.{column}"
        assert column == "photo" or business.ask(hidden), f"{table}.{column} has nothing to hide"
    shown = business.ask(
        "select count(distinct customer) as n from {m}.dim_customer where buying_group != 'N/A'"
    )
    assert shown == business.ask(f"select count(distinct customer) as n from ({stores})")


def test_a_deleted_row_stays_marked_counts_no_more_and_can_come_back(business: Business) -> None:
    before, away, back = business.told
    rows = [without_load(row) for row in before.shown]
    for load, (told, is_deleted) in enumerate(((before, False), (away, True), (back, False)), start=1):
        assert [row["is_deleted"] for row in told.shown] == [is_deleted] * len(GONE)
        assert [without_load(row) for row in told.shown] == rows
        assert [row["lineage_key"] for row in told.shown] == [load] * len(GONE)
        assert told.states == [[False, True, False][:load]] * len(GONE)
        assert told.differences == []
    versions = business.ask(
        "select is_deleted, lineage_key from {m}.dim_transaction_type where wwi_transaction_type_id = 8 "
        "order by valid_from"
    )
    assert [(row["is_deleted"], row["lineage_key"]) for row in versions] == [
        (False, 1),
        (True, 2),
        (False, 3),
    ]


def test_a_corrected_event_is_a_state_like_any_other(business: Business) -> None:
    """The link keeps the event as it first came, the satellite has both states, the mart shows the last."""
    (moved,) = business.source(
        """select stock_item_transaction_id, stock_item_id, quantity::int,
        transaction_occurred_when::date from warehouse.stock_item_transactions
        order by stock_item_transaction_id limit 1"""
    )
    shown = business.ask(
        f"""select movement_key, wwi_stock_item_id, quantity, date_key, fact.lineage_key
        from {{m}}.fct_movement as fact join {{m}}.dim_stock_item using (stock_item_key)
        where movement_key = {moved[0]}"""
    )
    assert [tuple(row.values()) for row in shown] == [(*moved, 2)]
    states = f"from {{v}}.sat_stock_movement__details where stock_item_transaction_id = {moved[0]}"
    assert business.ask(f"select count(*) as n {states}") == [{"n": 2}]
    first = business.ask(
        f"""select date(link.transaction_occurred_when) as day, hub.stock_item_id as item
        from {{v}}.nh_link_stock_movement as link join {{v}}.hub_stock_item as hub using (stock_item_hk)
        where stock_item_transaction_id = {moved[0]}"""
    )
    assert first == [{"day": moved[3] + timedelta(days=1), "item": moved[1] - 1}]
    ((reading, temperature),) = business.source(
        """select vehicle_temperature_id, temperature from warehouse.vehicle_temperatures
        order by vehicle_temperature_id limit 1"""
    )
    shown = business.ask(
        f"""select temperature, chiller_sensor_number as sensor, lineage_key as load
        from {{m}}.fct_vehicle_temperature where vehicle_temperature_key = {reading}"""
    )
    assert shown == [{"temperature": temperature, "sensor": 77, "load": 2}]


def without_load(row: dict[str, Any]) -> dict[str, Any]:
    """The row without what a delete changes: mark and batch, and of a dimension version and validity."""
    changed = {"is_deleted", "lineage_key", "valid_from", "valid_to", "transaction_type_key"}
    return {name: value for name, value in row.items() if name not in changed}
