"""From the raw vault alone, every row of every table is rebuilt as it was delivered by every load."""

from datetime import date, timedelta

import psycopg
import pytest

from flows import dbt
from ingestion.batch import run_batch
from ingestion.bigquery import connect, execute, query
from ingestion.settings import Settings
from metadata.load import load_catalog
from metadata.spec import Catalog
from questions.delivery import rebuilt
from sandbox.simulator import Extensions, simulate
from tests.vault.delivery import compare, loads

pytestmark = pytest.mark.services

TABLES = [table.qualified for table in load_catalog().tables]
MODELS_ONLY = ("staging,resource_type:model", "raw_vault,resource_type:model")
FIRST_DAY = date(2016, 1, 4)  # with readings of both kinds of sensor
DAYS = (25, 2, 1, 1, 1, 1)  # of each load: over the first payments to suppliers and a stocktake
# rare events made frequent, so that few and small loads have each of them
BUSY = Extensions(
    credit_note_share=0.1,
    late_order_share=0.2,
    new_customers_per_day=1,
    price_changes_per_day=2,
    deals_per_day=1,
    address_changes_per_day=5,
    credit_changes_per_day=5,
    category_changes_per_day=5,
    order_corrections_per_day=5,
    invoice_corrections_per_day=5,
    payment_corrections_per_day=5,
    cold_room_interval_s=4 * 3600,
    vehicle_interval_s=4 * 3600,
)
# What no simulation does, before each load after the first: things go away and come back as they were, or as
# others; relationships move away and back; values differ in case, in a space, in NULL or ''.
PLANTED = (
    """
    update sales.customers set buying_group_id = null, delivery_run = 'ab' where customer_id = 1;
    update application.people set preferred_name = upper(preferred_name), fax_number = '' where person_id = 3;
    update application.cities set state_province_id = 2
    where city_id = (select min(city_id) from application.cities);
    create table public.kept as select * from sales.special_deals where special_deal_id = 1;
    delete from sales.special_deals where special_deal_id = 1;
    create table public.kept_members as select * from warehouse.stock_item_stock_groups
    where stock_item_stock_group_id in (1, 2);
    delete from warehouse.stock_item_stock_groups where stock_item_stock_group_id in (1, 2);
    update warehouse.colors set color_name = color_name || ' ' where color_id = 1;
    insert into warehouse.colors select 900, 'Planted', 1;
    update sales.orders set comments = '' where order_id = 1;
    """,
    """
    update sales.customers set delivery_run = 'AB' where customer_id = 1;
    update application.people set fax_number = null where person_id = 3;
    update application.cities set state_province_id = 1
    where city_id = (select min(city_id) from application.cities);
    insert into sales.special_deals select * from public.kept;
    update public.kept_members set stock_group_id = 10 where stock_item_stock_group_id = 2;
    insert into warehouse.stock_item_stock_groups select * from public.kept_members;
    delete from warehouse.colors where color_id = 900;
    update sales.orders set comments = null where order_id = 1;
    """,
    """
    delete from warehouse.stock_item_stock_groups where stock_item_stock_group_id = 1;
    insert into warehouse.colors select 900, 'planted', 1;
    update sales.orders set comments = 'null' where order_id = 1;
    """,
    "update warehouse.stock_item_holdings set bin_location = '' where stock_item_id = 1",
)


@pytest.fixture(scope="module")
def loaded(settings: Settings, source_dsn: str, catalog: Catalog) -> Settings:
    """Six loads of business in the raw vault: the first alone, the others together in one build."""
    for number, days in enumerate(DAYS):
        first = FIRST_DAY + timedelta(days=sum(DAYS[:number]))
        simulate(source_dsn, start=first, days=days, scale=0.1, extensions=BUSY)
        if 0 < number <= len(PLANTED):
            with psycopg.connect(source_dsn, autocommit=True, connect_timeout=10) as source:
                source.execute(PLANTED[number - 1].encode())
        run_batch(settings, catalog, allow_shrink=True)
        if number in {0, len(DAYS) - 1}:
            dbt.build(settings, select=MODELS_ONLY)
    return settings


@pytest.mark.parametrize("name", TABLES)
def test_every_delivery_is_rebuilt_row_for_row(loaded: Settings, catalog: Catalog, name: str) -> None:
    client, table = connect(loaded), catalog.table(name)
    found = {load: compare(client, loaded, catalog, table, load) for load in loads(client, loaded)}
    assert len(found) == len(DAYS)
    assert [(load, each) for load, each in found.items() if not each.is_equal] == []
    assert list(found.values())[-1].delivered > 0, "there is nothing to compare"


def test_rows_went_and_came_back_in_these_loads(loaded: Settings, catalog: Catalog) -> None:
    """Without deletes and returns the comparison would be easy."""
    client = connect(loaded)
    counts = [
        compare(client, loaded, catalog, catalog.table("warehouse.stock_item_stock_groups"), load).delivered
        for load in loads(client, loaded)
    ]
    assert counts[1] == counts[0] - 2
    assert counts[2] == counts[0]
    assert counts[3] == counts[0] - 1


def test_a_value_lost_in_the_vault_is_found(loaded: Settings, catalog: Catalog) -> None:
    """The comparison can fail: a customer's category is lost, and a relationship."""
    client, vault = connect(loaded), loaded.dataset("raw_vault")
    last = loads(client, loaded)[-1]
    customers, lines = catalog.table("sales.customers"), catalog.table("sales.order_lines")
    execute(client, f"update {vault}.sat_customer__details set customer_category_id = 0 where true")
    found = compare(client, loaded, catalog, customers, last)
    assert found.delivered == found.rebuilt == found.missing == found.surplus > 0
    execute(client, f"delete from {vault}.link_order_line where true")
    found = compare(client, loaded, catalog, lines, last)
    assert found.delivered == found.missing > 0
    assert (found.rebuilt, found.surplus) == (0, 0)


def test_a_part_of_the_columns_comes_in_the_order_of_the_source(loaded: Settings, catalog: Catalog) -> None:
    client = connect(loaded)
    sql = rebuilt(catalog, catalog.table("sales.orders"), loaded, columns={"order_date", "customer_id"})
    rows = query(client, sql)
    assert {tuple(row) for row in rows} == {("customer_id", "order_date")}
    assert all(row["customer_id"] and row["order_date"] for row in rows)
