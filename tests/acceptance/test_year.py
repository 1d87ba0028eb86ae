"""Load a year of business in twelve batches: `make year`, not part of `make test`.

Every kind of event occurs in it. After the last batch, all control totals agree in total and by day, the raw
vault returns every table as of every load, and every column of the marts has several values.
"""

from datetime import date, timedelta

import pytest

from audit.reconciliation.reconcile import reconcile
from config.settings import Settings
from ingestion.batch import run_batch
from metadata.marts import load_marts
from metadata.reconciliation import load_reconciliation
from metadata.spec import Catalog
from operations.erasure.erase import erase
from operations.rebuild import rebuild
from sandbox.simulator import Extensions, simulate
from tests import erased_person
from tests.vault.delivery import compare, loads
from transform import dbt
from transform.dbt_invocation import VAULT_DIR
from warehouse.client import connect
from warehouse.queries import execute, query

pytestmark = [pytest.mark.services, pytest.mark.year]

FIRST_DAY = date(2015, 6, 1)  # sensors report from the second half of the year
DAYS_A_BATCH = (30, 31, 31, 30, 31, 30, 31, 31, 29, 31, 30, 31)
BUILT_AFTER = {1, 2, 6, 12}  # builds after one batch, and after several at once
READINGS = Extensions(cold_room_interval_s=4 * 3600, vehicle_interval_s=4 * 3600)

# columns with only one value, in any mart or in the named one, with the reason
ONE_VALUE = {
    "photo": "the source has no photos",
    "is_compressed": "no reading since 2016 is compressed",
    "location": "the Postgres port has no geography",
    "is_deleted": "only orders, deals and memberships are deleted",
    "fct_vehicle_temperature.vehicle_registration": "the company has one van",
    # one version each, because nothing changes in this year
    "dim_employee.valid_to": "employees do not change",
    "dim_employee_unmasked.valid_to": "employees do not change",
    "dim_supplier.valid_to": "suppliers do not change",
    "dim_supplier_unmasked.valid_to": "suppliers do not change",
    "dim_transaction_type.valid_to": "kinds of entries are not renamed",
}


@pytest.fixture(scope="module")
def year(settings: Settings, source_dsn: str, catalog: Catalog) -> Settings:
    """Load the year and build every layer."""
    for number, days in enumerate(DAYS_A_BATCH, start=1):
        first = FIRST_DAY + timedelta(days=sum(DAYS_A_BATCH[: number - 1]))
        simulate(source_dsn, start=first, days=days, scale=0.1, extensions=READINGS)
        if number == 1:
            person = erased_person.insert(source_dsn)
        if number == len(DAYS_A_BATCH):
            erased_person.remove(source_dsn, person)
        run_batch(settings, catalog)
        if number in BUILT_AFTER:
            dbt.build(settings)
    return settings


@pytest.mark.timeout(5400)
def test_all_layers_agree_in_total_and_by_day(year: Settings, catalog: Catalog) -> None:
    found = reconcile(year, catalog, load_reconciliation(catalog))
    assert {each.table for each in found.comparisons} == {table.qualified for table in catalog.tables}
    assert len(found.comparisons) > 150
    assert found.differences == ()


@pytest.mark.timeout(1800)
def test_every_table_is_rebuilt_from_the_vault_as_of_every_load(year: Settings, catalog: Catalog) -> None:
    client = connect(year)
    times = loads(client, year)
    assert len(times) == len(DAYS_A_BATCH)
    unequal = [
        (table.qualified, load, found)
        for table in catalog.tables
        for load in times
        if not (found := compare(client, year, catalog, table, load)).is_equal
    ]
    assert unequal == []


def test_every_column_of_every_mart_has_several_values(year: Settings) -> None:
    client, constant = connect(year), []
    for mart in load_marts():
        counted = ", ".join(f"count(distinct `{each.name}`) as `{each.name}`" for each in mart.columns)
        (row,) = query(client, f"select {counted} from {year.dataset('marts')}.{mart.name}")
        constant += [f"{mart.name}.{name}" for name, values in row.items() if values < 2]
    unexplained = [each for each in constant if not {each, each.partition(".")[2]} & set(ONE_VALUE)]
    assert not unexplained, ", ".join(unexplained)


@pytest.mark.timeout(1800)
def test_a_person_is_erased_from_all_layers(year: Settings, catalog: Catalog) -> None:
    """Run it before the rebuild, which then checks vault and marts against the erased raw."""
    people = f"{year.dataset('raw')}.application__people"
    (found,) = query(connect(year), f"select max(person_id) as k from {people} where full_name = '[erased]'")
    done = erase(year, catalog, found["k"], yes=True, reason="asked")
    assert (done.done, done.left) == (True, ())
    assert {"sat_person__personal", "sat_supplier__details", "ref_delivery_method"} <= set(done.models)
    assert reconcile(year, catalog, load_reconciliation(catalog)).differences == ()


@pytest.mark.timeout(1800)
def test_a_rebuild_finds_the_one_changed_table(year: Settings) -> None:
    """All other tables, loaded batch by batch, equal those of a rebuild at once."""
    client, hub = connect(year), f"{year.dataset('raw_vault')}.hub_country"
    execute(
        client, f"insert into {hub} select md5('injected'), -1, timestamp '2013-01-01 00:00:00+00', 'test'"
    )
    found = rebuild(year, put_in_place=False)
    models = [
        path.stem
        for layer in ("raw_vault", "business_vault", "marts")
        for path in (VAULT_DIR / "models" / layer).rglob("*.sql")
    ]
    assert found.batches == len(DAYS_A_BATCH)
    assert sorted(each.table for each in found.tables) == sorted(models)
    assert {each.table: str(each.difference) for each in found.tables if each.difference} == {
        "hub_country": "live has 1 rows too many"
    }
