"""Test that odd values of the source warn, and broken tables stop the build, with the rows."""

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

import psycopg
import pytest

from audit.platform_state import Status
from audit.reconciliation.comparison import Reconciliation
from audit.status import status
from cli.pages import batch_pages, results
from cli.pages.output import print_json
from config.settings import Settings
from dashboard.page import page
from flows.report import DailyReport
from ingestion.batch import run_batch
from ingestion.report import BatchReport
from metadata.spec import Catalog
from sandbox.simulator import simulate
from tests.own_platform import own_platform
from transform import dbt
from transform.build_report import BuildFailedError, BuildReport
from warehouse.client import connect
from warehouse.ledger.tables import table_name
from warehouse.ledger.test_failures import FailingRow
from warehouse.queries import execute, query

pytestmark = [
    pytest.mark.services,
    pytest.mark.end_to_end,
    pytest.mark.proof,
    pytest.mark.timeout(1500),
]

PLAUSIBILITY_TESTS = [
    "fct_*_is_plausible",
    "dim_*_is_plausible",
    "fct_*_falls_on_known_days",
    "*_has_known_parents",
]

ODD = """
update warehouse.stock_items set lead_time_days = 366 where stock_item_id = 5;
update warehouse.stock_items set tax_rate = 101 where stock_item_id = 6;
update warehouse.stock_items set unit_price = -1, quantity_per_outer = -2 where stock_item_id = 7;
update warehouse.stock_items set typical_weight_per_unit = -0.001, recommended_retail_price = -3
where stock_item_id = 8;
update purchasing.suppliers set payment_days = -3 where supplier_id = 2;
update application.cities set latest_recorded_population = -9 where city_id = 1;
update warehouse.stock_item_holdings set quantity_on_hand = -4 where stock_item_id = 9;
update warehouse.cold_room_temperatures set temperature = 99 where cold_room_temperature_id = 1;
alter table sales.order_lines drop constraint fk_order_lines_order_id;
update sales.order_lines set order_id = 424242 where order_line_id = 3;
update sales.order_lines set quantity = -4 where order_line_id = 5;
update sales.order_lines set quantity = 0 where order_line_id = 6;
update sales.orders set order_date = '2250-01-01' where order_id = 20;
update sales.orders set order_date = 'infinity' where order_id = 21;
"""
CORRECTED = """
update warehouse.stock_items set lead_time_days = 14, tax_rate = 15, unit_price = 1, quantity_per_outer = 1,
    typical_weight_per_unit = 1, recommended_retail_price = null
where stock_item_id between 5 and 8;
update purchasing.suppliers set payment_days = 14 where supplier_id = 2;
update application.cities set latest_recorded_population = null where city_id = 1;
update warehouse.stock_item_holdings set quantity_on_hand = 4 where stock_item_id = 9;
update warehouse.cold_room_temperatures set temperature = 4 where cold_room_temperature_id = 1;
update sales.order_lines set order_id = 1 where order_line_id = 3;
delete from sales.order_lines where order_line_id in (5, 6);
update sales.orders set order_date = '2016-01-05' where order_id in (20, 21);
"""
# 0 is also the key of the unknown member
ZERO_KEYS = """
insert into warehouse.stock_items select (jsonb_populate_record(
    item, '{"stock_item_id": 0, "stock_item_name": "Zero"}')).*
from warehouse.stock_items as item where stock_item_id = 1;
insert into warehouse.stock_item_holdings select (jsonb_populate_record(holding, '{"stock_item_id": 0}')).*
from warehouse.stock_item_holdings as holding where stock_item_id = 1;
update sales.order_lines set stock_item_id = 0 where order_line_id = 4;
"""


@dataclass(frozen=True)
class Loads:
    """A platform after two loads: the results with odd values and after their correction."""

    settings: Settings
    catalog: Catalog
    odd_lines: dict[int, list[int]]
    batch: BatchReport
    odd: BuildReport
    odd_status: Status
    corrected: BuildReport


@pytest.fixture(scope="module")
def loads(services: Settings, catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loads]:
    """Load odd values, record the results, and load their correction."""
    with own_platform(services, tmp_path_factory.mktemp("quality")) as settings:
        dsn = settings.source_dsn
        assert dsn
        simulate(dsn, start=date(2016, 1, 4), days=3, scale=0.1)
        with psycopg.connect(dsn, connect_timeout=10) as source:
            lines = {
                order: [each[0] for each in source.execute(
                    "select order_line_id from sales.order_lines where order_id = %s order by 1", (order,)
                )]
                for order in (20, 21)
            }  # fmt: skip
            source.execute((ZERO_KEYS + ODD).encode())
        batch = run_batch(settings, catalog)
        dbt.run_models(settings, ["path:models"])
        odd = dbt.build(settings, select=PLAUSIBILITY_TESTS)
        found = status(settings, catalog)
        with psycopg.connect(dsn, connect_timeout=10) as source:
            source.execute(CORRECTED.encode())
        run_batch(settings, catalog)
        dbt.run_models(settings, ["path:models"])
        corrected = dbt.build(settings, select=PLAUSIBILITY_TESTS)
        yield Loads(settings, catalog, lines, batch, odd, found, corrected)


def plain(value: str | None) -> str | None:
    """Return a number without trailing zeros, which depend on the engine."""
    try:
        return None if value is None else f"{Decimal(value).normalize():f}"
    except InvalidOperation:
        return value


def cells(rows: tuple[FailingRow, ...]) -> set[tuple[str, str, str | None, str | None]]:
    """Return table, key, column and value of each row."""
    return {(row.table, row.key, row.column, plain(row.value)) for row in rows}


def test_odd_values_warn_with_key_and_value_and_do_not_stop_the_build(loads: Loads) -> None:
    in_2250, in_no_year = loads.odd_lines[20], loads.odd_lines[21]
    found = cells(loads.odd.warnings)
    orphan = {each for each in found if each[:3] == ("link_order_line", "3", "order_hk")}
    amounts = {each for each in found if each[1] == "5" and each[2] in {"total_excluding_tax", "tax_amount"}}
    assert len(orphan) == 1
    assert len(amounts) == 2
    assert found - orphan - amounts == {
        ("dim_stock_item", "5", "lead_time_days", "366"),
        ("dim_stock_item", "6", "tax_rate", "101"),
        ("dim_stock_item", "7", "unit_price", "-1"),
        ("dim_stock_item", "7", "quantity_per_outer", "-2"),
        ("dim_stock_item", "8", "typical_weight_per_unit", "-0.001"),
        ("dim_stock_item", "8", "recommended_retail_price", "-3"),
        ("dim_supplier_unmasked", "2", "payment_days", "-3"),
        ("dim_city", "1", "latest_recorded_population", "-9"),
        ("fct_stock_holding", "9", "quantity_on_hand", "-4"),
        ("fct_cold_room_temperature", "1", "temperature", "99"),
        ("fct_order", "3", "wwi_order_id", None),
        ("fct_order", "3", "order_date_key", None),
        ("fct_order", "5", "quantity", "-4"),
        ("fct_order", "6", "quantity", "0"),
        *(("fct_order", str(line), "order_date_key", "2250-01-01") for line in in_2250),
        *(("fct_order", str(line), "order_date_key", None) for line in in_no_year),
    }  # fmt: skip
    assert loads.odd.failures == ()
    assert loads.odd.skipped == 0
    expected = {row.column: row.expected for row in loads.odd.warnings if row.table == "dim_stock_item"}
    assert expected["lead_time_days"] == "lead_time_days between 0 and 365"


def test_status_shows_warnings_as_text_and_json(loads: Loads, capsys: pytest.CaptureFixture[str]) -> None:
    found = loads.odd_status
    assert cells(found.failing_rows) == cells(loads.odd.warnings)
    assert {node.status for node in found.failing} == {"warn"}
    results.show_status(found)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "lead_time_days between" in line]
    assert line.split()[:4] == ["dim_stock_item", "5", "lead_time_days", "366"]
    print_json(dataclasses.asdict(found))
    listed = json.loads(capsys.readouterr().out)["failing_rows"]
    assert {
        "test": "dim_stock_item_is_plausible", "table": "dim_stock_item", "key": "5",
        "column": "lead_time_days", "value": "366", "expected": "lead_time_days between 0 and 365",
        "rows": 1, "status": "warn",
    } in listed  # fmt: skip


def test_run_artifact_and_dashboard_show_warnings(loads: Loads, capsys: pytest.CaptureFixture[str]) -> None:
    compared = Reconciliation(loads.odd_status.asked_at, ())
    report = DailyReport(loads.batch, loads.odd, compared, {"ingest": 1.0, "build": 1.0, "reconcile": 1.0})
    row = "| dim_stock_item | 5 | lead_time_days | 366 | lead_time_days between 0 and 365 | 1 |"
    assert row in report.as_markdown().splitlines()
    batch_pages.show_daily(report)
    assert "lead_time_days between 0 and 365" in capsys.readouterr().out
    results.show_build(loads.odd)
    assert "lead_time_days between 0 and 365" in capsys.readouterr().out
    html = page({}, loads.odd_status, loads.odd_status.asked_at)
    assert 'data-state="quality"' in html
    assert "1 of dim_city.latest_recorded_population" in html


def test_a_correction_in_the_source_ends_warnings_of_old_versions_and_deleted_rows(
    loads: Loads,
) -> None:
    client, marts = connect(loads.settings), loads.settings.dataset("marts")
    versions = query(
        client,
        f"select lead_time_days from {marts}.dim_stock_item where wwi_stock_item_id = 5 order by valid_from",
    )
    assert [row["lead_time_days"] for row in versions] == [366, 14]
    gone = query(client, f"select quantity from {marts}.fct_order where is_deleted order by order_key")
    assert [row["quantity"] for row in gone] == [-4, 0]
    assert (loads.corrected.warned, loads.corrected.warnings) == (0, ())
    now = status(loads.settings, loads.catalog)
    assert (now.failing, now.failing_rows) == ((), ())


def test_keys_of_zero_and_below_are_valid_keys(loads: Loads) -> None:
    client, marts = connect(loads.settings), loads.settings.dataset("marts")
    sold = query(
        client,
        f"select item.stock_item from {marts}.fct_order as fact inner join {marts}.dim_stock_item as item "
        "on fact.stock_item_key = item.stock_item_key where fact.order_key = 4",
    )
    assert [row["stock_item"] for row in sold] == ["Zero"]
    held = query(client, f"select stock_item_key from {marts}.fct_stock_holding where stock_holding_key = 0")
    assert [row["stock_item_key"] != 0 for row in held] == [True]


BROKEN = {
    "mart": (
        "primary_key_fct_stock_holding_stock_holding_key",
        "insert into {marts}.fct_stock_holding select * from {marts}.fct_stock_holding "
        "where stock_holding_key = 5",
        "fct_stock_holding 5, stock_holding_key: 2 rows (expected unique and not null)",
    ),
    "relationship": (
        "fct_order_refers_to_known_members",
        "update {marts}.fct_order set customer_key = 987654 where order_key = 7",
        "fct_order 7, customer_key: 987654 (expected in dim_customer)",
    ),
    "vault": (
        "hub_supplier_is_whole",
        "insert into {raw_vault}.hub_supplier select * from {raw_vault}.hub_supplier where supplier_id = 3",
        "hub_supplier {key}, supplier_hk: 2 rows (expected unique and not null)",
    ),
}


@pytest.mark.parametrize(("test", "statement", "message"), BROKEN.values(), ids=BROKEN)
def test_a_failed_integrity_test_stops_the_build_and_lists_the_rows(
    loads: Loads, test: str, statement: str, message: str
) -> None:
    settings, client = loads.settings, connect(loads.settings)
    names = {"marts": settings.dataset("marts"), "raw_vault": settings.dataset("raw_vault")}
    (hub,) = query(
        client,
        f"select distinct to_hex(supplier_hk) as hk from {names['raw_vault']}.hub_supplier "
        "where supplier_id = 3",
    )
    execute(client, statement.format(**names))
    with pytest.raises(BuildFailedError) as caught:
        dbt.build(settings, select=[test])
    wanted = message.format(key=hub["hk"])
    assert wanted in str(caught.value)
    found = [row for row in status(settings, loads.catalog).failing_rows if row.test == test]
    assert [(str(row), row.status) for row in found] == [(wanted, "fail")]


def test_the_ledger_has_the_first_rows_and_the_row_count_of_a_warning(loads: Loads) -> None:
    settings, client = loads.settings, connect(loads.settings)
    marts = settings.dataset("marts")
    execute(
        client, f"update {marts}.fct_stock_holding set quantity_on_hand = -1 where stock_holding_key > 100"
    )
    (row,) = query(client, f"select count(*) as n from {marts}.fct_stock_holding where quantity_on_hand < 0")
    report = dbt.build(settings, select=["fct_stock_holding_is_plausible"])
    assert [each.key for each in report.warnings] == [str(key) for key in range(101, 121)]
    assert {each.rows for each in report.warnings} == {row["n"]}
    kept = query(
        client,
        f"select count(*) as n from {table_name(settings, 'test_failures')} "
        "where test_name = 'fct_stock_holding_is_plausible' and finished_at = (select max(finished_at) from "
        f"{table_name(settings, 'test_failures')})",
    )
    assert kept == [{"n": 20}]
