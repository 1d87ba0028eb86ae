"""The committed metadata matches known facts about the tables of the source."""

import re
from collections import Counter

import pytest

from metadata.load import load_catalog
from metadata.mappings import HubMapping, NonHistorizedLinkMapping, ReferenceMapping
from metadata.marts import load_marts
from metadata.reconciliation import load_reconciliation
from metadata.spec import Catalog

PORT = {
    "application": "cities countries delivery_methods payment_methods people state_provinces "
    "system_parameters transaction_types",
    "purchasing": "purchase_order_lines purchase_orders supplier_categories supplier_transactions suppliers",
    "sales": "buying_groups customer_categories customer_transactions customers invoice_lines invoices "
    "order_lines orders special_deals",
    "warehouse": "colors package_types stock_groups stock_item_holdings stock_item_stock_groups "
    "stock_item_transactions stock_items cold_room_temperatures vehicle_temperatures",
}
HUBS = {
    "city", "cold_room_temperature", "country", "customer", "customer_transaction", "invoice",
    "invoice_line", "order", "order_line", "person", "purchase_order", "purchase_order_line",
    "special_deal", "state_province", "stock_group", "stock_item", "stock_item_stock_group", "supplier",
    "supplier_transaction", "system_parameter",
}  # fmt: skip
HUBS_OF_EVENTS = {"chiller_sensor", "vehicle"}
EVENTS = {"stock_movement", "vehicle_temperature"}
REFERENCES = {
    "buying_group", "color", "customer_category", "delivery_method", "package_type", "payment_method",
    "supplier_category", "transaction_type",
}  # fmt: skip


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """Return the metadata of the source's own tables, without added ones."""
    everything = load_catalog()
    names = {f"{schema}.{name}" for schema, listed in PORT.items() for name in listed.split()}
    assert names <= {table.qualified for table in everything.tables}
    own = tuple(table for table in everything.tables if table.qualified in names)
    return everything.model_copy(update={"tables": own})


def test_the_port_has_29_tables_and_316_columns_in_four_schemas(catalog: Catalog) -> None:
    port = [table for table in catalog.tables if not table.optional]
    assert Counter(table.schema_name for table in port) == {
        "application": 8, "purchasing": 5, "sales": 9, "warehouse": 7,
    }  # fmt: skip
    assert sum(len(table.columns) for table in port) == 316


def test_the_sensor_tables_are_the_only_optional_ones(catalog: Catalog) -> None:
    optional = {table.qualified for table in catalog.tables if table.optional}
    assert optional == {"warehouse.cold_room_temperatures", "warehouse.vehicle_temperatures"}


def test_28_primary_keys_are_declared(catalog: Catalog) -> None:
    undeclared = [table.qualified for table in catalog.tables if not table.declares_primary_key]
    assert undeclared == ["warehouse.stock_item_holdings"]
    assert sum(table.declares_primary_key for table in catalog.tables if not table.optional) == 28


def test_97_foreign_keys_are_declared_and_one_is_not(catalog: Catalog) -> None:
    undeclared = {
        f"{table.qualified}.{name}" for table in catalog.tables for name in table.undeclared_foreign_keys
    }
    assert undeclared == {"sales.special_deals.customer_category_id"}
    assert sum(len(table.foreign_keys) for table in catalog.tables) - len(undeclared) == 97


def test_every_table_has_last_edited_by_and_13_have_last_edited_when(catalog: Catalog) -> None:
    port = [table for table in catalog.tables if not table.optional]
    assert {table.foreign_keys.get("last_edited_by") for table in port} == {"application.people.person_id"}
    assert sum("last_edited_when" in table.column_names for table in port) == 13


def test_secret_columns_are_never_loaded(catalog: Catalog) -> None:
    secret = {
        f"{table.name}.{column.name}"
        for table in catalog.tables
        for column in table.columns
        if column not in table.loaded_columns
    }
    assert secret == {
        "people.hashed_password",
        "suppliers.bank_account_name",
        "suppliers.bank_account_branch",
        "suppliers.bank_account_code",
        "suppliers.bank_account_number",
        "suppliers.bank_international_code",
    }


def test_ledgers_and_lines_have_their_measures_as_controls(catalog: Catalog) -> None:
    assert set(catalog.table("sales.order_lines").controls) == {
        "quantity", "picked_quantity", "total_excluding_tax", "tax_amount", "total_including_tax",
    }  # fmt: skip
    assert set(catalog.table("sales.invoice_lines").controls) == {
        "quantity", "tax_amount", "line_profit", "extended_price", "total_excluding_tax",
        "dry_items", "chiller_items",
    }  # fmt: skip
    for ledger in ("sales.customer_transactions", "purchasing.supplier_transactions"):
        assert set(catalog.table(ledger).controls) == {
            "amount_excluding_tax", "tax_amount", "transaction_amount", "outstanding_balance",
        }  # fmt: skip


def test_every_table_is_mapped(catalog: Catalog) -> None:
    assert {hub.name for hub in catalog.hubs} >= HUBS | HUBS_OF_EVENTS
    mapped = [table.vault for table in catalog.tables]
    assert None not in mapped
    assert {mapping.event for mapping in mapped if isinstance(mapping, NonHistorizedLinkMapping)} == EVENTS
    assert {mapping.hub for mapping in mapped if isinstance(mapping, HubMapping)} == HUBS
    assert {mapping.reference for mapping in mapped if isinstance(mapping, ReferenceMapping)} == REFERENCES


def test_every_number_of_a_fact_has_a_formula(catalog: Catalog) -> None:
    """Every number that is not a key or identifier has a formula over source columns."""
    facts = load_reconciliation(catalog)
    for mart in (each for each in load_marts() if each.is_fact):
        numbers = {
            column.name
            for column in mart.columns
            if column.type.startswith(("int64", "numeric", "float64"))
            and not column.name.endswith(("_key", "_id", "_number"))
        }
        for fact in (each for each in facts if each.name == mart.name):
            table = catalog.table(fact.source)
            assert fact.formulas(table).keys() == numbers, fact.label
            assert {fact.key, fact.source_key or fact.key} <= {column.name for column in mart.columns}
            for formula in fact.carried.values():
                words = set(re.findall(r"[a-z]\w*", formula)) - {"coalesce"}
                assert words <= set(table.column_names), fact.label
