"""Histories, marts as of a time, and differences between two times."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from audit.history import past
from audit.history.as_of import Models, as_of, marts
from audit.history.as_of_time import loads
from audit.history.versions import history
from cli import main
from config.errors import PermanentError
from operations import refresh_functions
from tests.marts import copies
from tests.marts.business import Business
from warehouse.queries import execute, timestamp_literal

pytestmark = [pytest.mark.services, pytest.mark.end_to_end]


def test_every_mart_as_of_each_load_equals_its_copy(business: Business, models: Models) -> None:
    """The table functions are compared row by row with copies, across deletes, returns and corrections."""
    settings = business.settings
    known = loads(business.client, settings)
    assert len(known) == business.loads == 3
    made = past.create_functions(settings, models)
    assert made == tuple(f"{mart}_asof" for mart in marts(models))
    times = [
        (known[1].load_dts - timedelta(microseconds=1), 1),
        (known[1].load_dts, 2),
        (known[2].load_dts, 3),
    ]
    unequal, moved = {}, 0
    for mart in marts(models):
        for at, load in times:
            sql = f"select * from {settings.dataset('marts')}.{mart}_asof({timestamp_literal(at)})"
            if found := copies.differing(settings, sql, mart, load):
                unequal[mart, at] = found
        kept = copies.copy(settings, mart, 1)
        moved += bool(copies.differing(settings, f"select * from {kept}", mart, 2))
    assert not unequal
    assert moved > 10, "the loads must differ, otherwise the test proves nothing"


@pytest.mark.parametrize("mart", ["dim_customer", "fct_order"])
def test_the_as_of_query_of_a_mart_equals_its_table_function(
    business: Business, models: Models, mart: str
) -> None:
    then = timestamp_literal(loads(business.client, business.settings)[1].load_dts)
    sql = as_of(business.settings, models, mart, then)
    assert copies.differing(business.settings, sql, mart, 2) == []
    assert past.create_functions(business.settings, models, [mart]) == (f"{mart}_asof",), "made again"


@pytest.mark.proof
def test_a_build_refreshes_the_functions_of_changed_models(business: Business, models: Models) -> None:
    settings = business.settings
    past.create_functions(settings, models, ["dim_date", "dim_city"])
    assert refresh_functions.refresh_outdated(settings) == ()
    of_before = f"update {settings.dataset('audit')}.table_functions set statement_hash = 'of before'"
    execute(business.client, f"{of_before} where name = 'dim_date_asof'")
    assert refresh_functions.refresh_outdated(settings) == ("dim_date_asof",)
    assert refresh_functions.refresh_outdated(settings) == ()


def test_the_difference_of_two_times_explains_every_total(business: Business, models: Models) -> None:
    settings = business.settings
    for fact in ("fct_order", "fct_transaction"):
        found = past.difference(settings, models, fact, "batch:1", "batch:2", limit=0)
        for total in found.totals:
            for load, value in ((1, total.before), (2, total.after)):
                copy = copies.copy(settings, fact, load)
                summed = f"coalesce(sum(if(is_deleted, 0, {total.measure})), 0)"
                assert business.ask(f"select {summed} as n from {copy}") == [{"n": value}], (fact, total)
            assert total.delta == sum(total.moved_by.values()), (fact, total)
    order = past.difference(settings, models, "fct_order", "batch:1", "batch:2")
    assert order.kinds["deleted"] == 1
    assert {"added", "removed"}.isdisjoint(order.kinds)
    (gone,) = [row for row in order.rows if row.kind == "deleted"]
    assert (gone.key, gone.columns["is_deleted"]) == (2, (False, True))
    (quantity,) = [total for total in order.totals if total.measure == "quantity"]
    assert quantity.moved_by == {"deleted": quantity.delta}
    assert quantity.delta < 0


def test_a_late_correction_is_found_with_its_effect_on_totals(business: Business, models: Models) -> None:
    found = past.difference(
        business.settings, models, "fct_sale", "batch:1", "batch:2", where="sale_key = 1", limit=5
    )
    (row,) = found.rows
    assert {"unit_price", "profit", "total_including_tax", "lineage_key"} <= set(row.columns)
    before, after = row.columns["unit_price"]
    assert Decimal(str(after)) - Decimal(str(before)) == 10
    (profit,) = [total for total in found.totals if total.measure == "profit"]
    assert profit.moved_by == {"changed": profit.delta}
    assert profit.delta > 0
    same = past.difference(business.settings, models, "dim_supplier", "batch:2", "batch:2")
    assert (same.kinds, same.rows, same.rows_before) == ({}, (), same.rows_after)


def test_only_the_selected_rows_and_columns_are_returned(business: Business, models: Models) -> None:
    settings = business.settings
    found = past.as_of(
        settings, models, "dim_stock_item", "batch:1",
        columns=("unit_price", "stock_item_key"), where="wwi_stock_item_id in (3, 4)", limit=1,
    )  # fmt: skip
    kept = business.ask(
        f"select unit_price, stock_item_key from {copies.copy(settings, 'dim_stock_item', 1)} "
        "where wwi_stock_item_id = 3"
    )
    assert [dict(zip(found.columns, row, strict=True)) for row in found.rows] == kept
    assert found.has_more
    for wrong, hint in (("dim_customers", "Did you mean 'dim_customer'"), ("sale", "Known here: dim_city")):
        with pytest.raises(PermanentError, match=hint):
            past.as_of(settings, models, wrong, "batch:1")
    with pytest.raises(PermanentError, match="Did you mean 'unit_price'"):
        past.as_of(settings, models, "dim_stock_item", "batch:1", columns=("unitprice",))
    with pytest.raises(PermanentError, match="the vault contains no batch 4"):
        past.as_of(settings, models, "dim_stock_item", "batch:4")


def test_the_history_of_a_row_has_deleted_periods_and_corrections(business: Business) -> None:
    settings, catalog = business.settings, business.catalog
    line = history(settings, catalog, "order_line", "2")
    assert [(each.event, each.batch_id) for each in line.versions] == [
        ("new", 1),
        ("deleted", 2),
        ("returned", 3),
    ]
    assert [(span.since, span.until) for span in line.deleted] == [
        (line.versions[1].load_dts, line.versions[2].load_dts)
    ]
    assert line.versions[0].record_sources == ("wwi.sales.order_lines",)

    masked = history(settings, catalog, "customer", "2").versions[-1]
    shown = history(settings, catalog, "customer", "2", personal=True).versions[-1]
    assert [each.column for each in masked.changes] == ["customer_name", "credit_limit"]
    assert [each.column for each in shown.changes] == ["customer_name", "credit_limit"]
    assert (masked.changes[0].after, shown.changes[0].after) == ("C***", "Corrected Ltd")
    assert masked.applied_dts is not None

    then = history(settings, catalog, "customer", "2", as_of="batch:1")
    assert [version.number for version in then.versions] == [1]
    with pytest.raises(PermanentError, match=r"there is no customer 9999: hub_customer has \d+ keys, 1 to"):
        history(settings, catalog, "customer", "9999")


def test_the_commands_print_for_people_and_for_scripts(
    business: Business, models: Models, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = business.settings
    for name in ("home", "target", "bigquery_project", "dataset_prefix"):
        monkeypatch.setenv(f"WWI_{name.upper()}", str(getattr(settings, name) or ""))

    def wwi(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        printed = capsys.readouterr()
        return printed.err if ended.value.code else printed.out

    output = wwi("history", "customer", "2")
    assert "2 versions" in output
    assert "Corrected Ltd" not in output
    assert "Corrected Ltd" in wwi("history", "customer", "2", "--personal")
    assert "Not in the source from" in wwi("history", "order_line", "2")
    version = json.loads(wwi("history", "customer", "2", "--as-of", "batch:1", "--json"))["versions"][-1]
    assert (version["number"], version["state"]["bill_to_customer_id"]) == (1, 1)

    asked = ("--columns", "customer_key,wwi_customer_id", "--limit", "2", "--", "dim_customer")
    assert wwi("asof", "batch:1", "--format", "csv", *asked).splitlines() == [
        "customer_key,wwi_customer_id",
        "0,0",
        "1,1",
    ]
    assert json.loads(wwi("asof", "batch:1", "--json", *asked))[1] == {
        "customer_key": 1,
        "wwi_customer_id": 1,
    }
    assert "after batch 1" in wwi("asof", "batch:1", *asked)
    moved = wwi("asof", "batch:1", "--diff", "batch:2", "--", "fct_order")
    assert "1 deleted" in moved
    assert "by deleted" in moved
    document = json.loads(wwi("asof", "batch:1", "--diff", "batch:2", "--json", "--", "fct_order"))
    assert document["kinds"]["deleted"] == 1
    assert {total["measure"] for total in document["totals"]} >= {"quantity", "tax_amount"}
    assert "create or replace table function" in wwi("functions", "--dry-run", "dim_date")
    assert "there is no mart 'fct_sales'. Did you mean 'fct_sale'?" in wwi("asof", "batch:1", "fct_sales")
