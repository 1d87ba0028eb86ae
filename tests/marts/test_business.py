"""The marts over some loads: what they hold, whom they name, rows that go and come back."""

from typing import Any

import pytest
import yaml

from flows.dbt import VAULT_DIR
from metadata.reconciliation import load_reconciliation
from tests.marts.business import GONE, Business

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


def without_load(row: dict[str, Any]) -> dict[str, Any]:
    """The row without what a delete changes: mark and batch, and of a dimension version and validity."""
    changed = {"is_deleted", "lineage_key", "valid_from", "valid_to", "transaction_type_key"}
    return {name: value for name, value in row.items() if name not in changed}
