"""Test the setup's datasets, tables and row policies on the local warehouse, as far as it supports them."""

from dataclasses import replace
from typing import cast

import pytest
from google.cloud.bigquery import PolicyTagList, SchemaField

from config.settings import Settings
from ingestion.load.create_tables import LABEL, ensure_layout
from tests.shop import SHOP, World
from warehouse.client import connect
from warehouse.ledger.tables import layouts
from warehouse.raw_tables import raw_layout
from warehouse.setup import datasets as warehouse
from warehouse.setup import plan
from warehouse.setup.clients import Clients
from warehouse.setup.resources import Dataset, RowPolicy, Table
from warehouse.tables import TableLayout, ensure_dataset, ensure_table, table_label

pytestmark = pytest.mark.services


@pytest.fixture
def clients(own_settings: Settings) -> Clients:
    """Return clients, of which only that of the warehouse is set."""
    none = cast("dict[str, None]", dict.fromkeys(("services", "iam", "projects", "tags", "masks")))
    return Clients(bigquery=connect(own_settings), **none)  # type: ignore[arg-type]


def datasets(settings: Settings) -> list[Dataset]:
    """Return the plan's datasets without authorized views, which the emulator does not support."""
    return [replace(each, authorised=()) for each in plan.foundation(settings) if isinstance(each, Dataset)]


def test_datasets_are_created_once_and_drift_is_corrected(clients: Clients, own_settings: Settings) -> None:
    wanted = datasets(own_settings)
    for each in wanted:
        assert warehouse.compare_dataset(each, warehouse.find_dataset(clients, each)).action == "create"
        warehouse.make_dataset(clients, each, None)
        assert warehouse.compare_dataset(each, warehouse.find_dataset(clients, each)).action == "fine"

    [staging] = [each for each in wanted if each.name.endswith("_staging")]
    later = replace(staging, table_expiration_ms=None, labels=(("app", "wwi"), ("layer", "new")))
    found = warehouse.find_dataset(clients, later)
    assert warehouse.compare_dataset(later, found).action == "change"
    warehouse.make_dataset(clients, later, found)
    live = warehouse.find_dataset(clients, later)
    assert warehouse.compare_dataset(later, live).action == "fine"
    assert live is not None
    assert (live.labels, live.default_table_expiration_ms) == ({"app": "wwi", "layer": "new"}, None)


def test_tables_are_created_and_missing_columns_added(clients: Clients, own_settings: Settings) -> None:
    ensure_dataset(clients.bigquery, own_settings, "raw")
    whole = raw_layout(own_settings, SHOP.table("shop.accounts"))
    part = replace(whole, schema=tuple(field for field in whole.schema if field.name != "balance"))
    warehouse.make_table(clients, Table(part), None)

    found = warehouse.find_table(clients, Table(whole))
    step = warehouse.compare_table(Table(whole), found)
    assert (step.action, step.detail) == ("change", "missing columns balance")
    ensure_table(clients.bigquery, whole)
    assert warehouse.compare_table(Table(whole), warehouse.find_table(clients, Table(whole))).action == "fine"


def test_a_row_policy_is_created_with_its_readers(clients: Clients, own_settings: Settings) -> None:
    ensure_dataset(clients.bigquery, own_settings, "raw_vault")
    table_id = f"{own_settings.project}.{own_settings.dataset('raw_vault')}.sat_guarded"
    wanted = RowPolicy(table_id, "guard", frozenset({"group:a@example.com", "user:b@example.com"}))
    assert warehouse.compare_rows(wanted, warehouse.find_rows(clients, wanted)).action == "later"
    ensure_table(clients.bigquery, TableLayout(table_id, (SchemaField("a", "INT64"),)))
    try:
        found = warehouse.find_rows(clients, wanted)
        assert warehouse.compare_rows(wanted, found).action == "create"
        warehouse.make_rows(clients, wanted, found)
        assert warehouse.compare_rows(wanted, warehouse.find_rows(clients, wanted)).action == "fine"

        fewer = replace(wanted, members=frozenset({"group:a@example.com"}))
        found = warehouse.find_rows(clients, fewer)
        assert warehouse.compare_rows(fewer, found).detail == "revoke from user:b@example.com"
    finally:
        # it would hide the rows from later tests
        clients.bigquery.delete_table(table_id)


def test_ingestion_sets_the_tag_only_on_personal_columns(own_settings: Settings) -> None:
    tag = "projects/p/locations/us/taxonomies/1/policyTags/2"
    tagged = own_settings.model_copy(update={"personal_policy_tag": tag})
    layout = raw_layout(tagged, SHOP.table("shop.accounts"))
    assert {field.name for field in layout.schema if field.policy_tags == PolicyTagList([tag])} == {"owner"}
    plain = raw_layout(own_settings, SHOP.table("shop.accounts"))
    assert not any(field.policy_tags for field in plain.schema)


def test_a_created_layout_is_recorded_in_the_ledger(shop: World) -> None:
    shop.load()
    [noted, *_] = layouts(shop.settings)
    assert table_label(shop.client, noted.table_id, LABEL) is not None
    audit = shop.client.get_dataset(f"{shop.settings.project}.{shop.settings.dataset('audit')}")
    assert LABEL not in audit.labels

    table_id = raw_layout(shop.settings, SHOP.table("shop.visits")).table_id
    shop.client.delete_table(table_id)
    ensure_layout(shop.client, shop.settings, SHOP)
    assert table_id.rsplit(".", 1)[1] not in {
        each.table_id for each in shop.client.list_tables(shop.settings.dataset("raw"))
    }
    ensure_layout(shop.client, shop.settings, SHOP, force=True)
    assert shop.client.get_table(table_id).num_rows == 0
