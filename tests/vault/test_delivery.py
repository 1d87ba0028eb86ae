"""Every row of every table, as of every load, can be rebuilt from the raw vault alone."""

from datetime import timedelta

import pytest

from audit.delivery import table_from_vault
from config.settings import Settings
from ingestion.batch import run_batch
from metadata.load import load_catalog
from metadata.spec import Catalog
from sandbox.simulator import simulate
from tests.marts import injected
from tests.marts.business import BUSY, DAYS, SCALE, START, Business
from tests.vault.delivery import compare, loads
from transform import dbt
from warehouse.client import connect
from warehouse.queries import execute, query

pytestmark = [pytest.mark.services, pytest.mark.proof]

TABLES = [table.qualified for table in load_catalog().tables]
MODELS_ONLY = ("staging,resource_type:model", "raw_vault,resource_type:model")
# days of business and injected rows of each later load
MORE = ((2, injected.GO_AGAIN), (1, injected.EMPTIED), (1, None))


@pytest.fixture(scope="module")
def loaded(business: Business) -> Settings:
    """Load the business one batch at a time, then the batches of MORE in one build."""
    settings, day = business.settings, START + timedelta(days=DAYS)
    for days, statements in MORE:
        simulate(business.dsn, start=day, days=days, scale=SCALE, extensions=BUSY)
        day += timedelta(days=days)
        if statements:
            business.source(statements)
        run_batch(settings, business.catalog, allow_shrink=True)
    dbt.build(settings, select=MODELS_ONLY)
    return settings


@pytest.mark.parametrize("name", TABLES)
def test_every_load_is_rebuilt_row_for_row(
    loaded: Settings, business: Business, catalog: Catalog, name: str
) -> None:
    client, table = connect(loaded), catalog.table(name)
    found = {load: compare(client, loaded, catalog, table, load) for load in loads(client, loaded)}
    assert len(found) == business.loads + len(MORE)
    assert [(load, each) for load, each in found.items() if not each.is_equal] == []
    assert list(found.values())[-1].delivered > 0, "there is nothing to compare"


def test_loads_contain_deleted_and_returned_rows(loaded: Settings, catalog: Catalog) -> None:
    """The loads contain rows that were deleted and came back."""
    client = connect(loaded)
    counts = [
        compare(client, loaded, catalog, catalog.table("warehouse.stock_item_stock_groups"), load).delivered
        for load in loads(client, loaded)
    ]
    assert counts[1] == counts[0] - 2
    assert counts[2] == counts[0]
    assert counts[-len(MORE)] == counts[0] - 1


def test_a_value_lost_in_the_vault_is_found(loaded: Settings, catalog: Catalog) -> None:
    """The comparison finds a lost category and a lost relationship of a customer."""
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


def test_selected_columns_are_in_source_order(loaded: Settings, catalog: Catalog) -> None:
    client = connect(loaded)
    sql = table_from_vault(
        catalog, catalog.table("sales.orders"), loaded, columns={"order_date", "customer_id"}
    )
    rows = query(client, sql)
    assert {tuple(row) for row in rows} == {("customer_id", "order_date")}
    assert all(row["customer_id"] and row["order_date"] for row in rows)
