"""The marts over three loads: totals, masking, rows that are deleted and restored."""

from datetime import timedelta
from typing import Any

import pytest
import yaml

from metadata.reconciliation import load_reconciliation
from tests.marts.business import DELETED_ROWS, Business
from transform.dbt_invocation import VAULT_DIR

pytestmark = [pytest.mark.services, pytest.mark.end_to_end]


def test_every_fact_equals_the_source_and_has_rows(business: Business) -> None:
    assert business.results[-1].differences == []
    empty = [
        fact.name
        for fact in load_reconciliation(business.catalog)
        if business.ask(f"select count(*) as n from {{m}}.{fact.name}") == [{"n": 0}]
    ]
    assert empty == []


def test_the_default_dimensions_contain_no_names_of_persons(business: Business) -> None:
    """No personal value of the unmasked table is in the view, except names of stores."""
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


def test_a_deleted_row_is_marked_does_not_count_and_can_be_restored(business: Business) -> None:
    before, away, back = business.results
    rows = [without_load(row) for row in before.shown]
    for load, (result, is_deleted) in enumerate(((before, False), (away, True), (back, False)), start=1):
        assert [row["is_deleted"] for row in result.shown] == [is_deleted] * len(DELETED_ROWS)
        assert [without_load(row) for row in result.shown] == rows
        assert [row["lineage_key"] for row in result.shown] == [load] * len(DELETED_ROWS)
        assert result.states == [[False, True, False][:load]] * len(DELETED_ROWS)
        assert result.differences == []
    versions = business.ask(
        "select is_deleted, lineage_key from {m}.dim_transaction_type where wwi_transaction_type_id = 8 "
        "order by valid_from"
    )
    assert [(row["is_deleted"], row["lineage_key"]) for row in versions] == [
        (False, 1),
        (True, 2),
        (False, 3),
    ]


def test_a_corrected_event_adds_a_state(business: Business) -> None:
    """The link keeps the first values, the satellite has both states, the mart shows the latest."""
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
    """Return the row without the columns that a delete changes."""
    changed = {"is_deleted", "lineage_key", "valid_from", "valid_to", "transaction_type_key"}
    return {name: value for name, value in row.items() if name not in changed}
