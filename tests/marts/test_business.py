"""The marts over some loads: rows that go and come back, corrections, people, and what was known when."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from flows.cli import main
from flows.dbt import VAULT_DIR, dbt_environment
from flows.definitions import definitions
from ingestion.batch import run_batch
from ingestion.bigquery import connect, execute, query
from ingestion.errors import PermanentError
from ingestion.settings import Settings
from metadata.errors import WwiError
from metadata.load import load_catalog
from metadata.reconciliation import load_reconciliation
from metadata.spec import EventMapping, HubMapping
from questions import past
from questions.as_of import Models, as_of, marts
from questions.audit import verify
from questions.history import history
from questions.moments import literal, loads
from questions.reconcile import reconcile
from questions.trace import made_of, trace
from sandbox.simulator import simulate
from tests.marts import copies

pytestmark = [pytest.mark.services, pytest.mark.end_to_end]

DBT = Path(sys.executable).parent / "dbt"
START = date(2016, 1, 4)  # the sensors report by then
DBT_LIMIT_S = 900


@dataclass(frozen=True)
class Gone:
    """A row of the source that is deleted and brought back, and where it shows in the warehouse.

    `where` is true of it in the source, `mart_where` in the mart; `status` is its status satellite.
    """

    table: str
    where: str
    mart: str
    mart_where: str
    status: str


GONE = (
    Gone(
        "sales.order_lines", "order_line_id = 2", "fct_order", "order_key = 2",
        "sat_order_line__status join {v}.hub_order_line using (order_line_hk) where order_line_id = 2",
    ),
    Gone(
        "warehouse.stock_item_holdings", "stock_item_id = 7", "fct_stock_holding", "stock_holding_key = 7",
        "sat_stock_item__holding_status join {v}.hub_stock_item "
        "using (stock_item_hk) where stock_item_id = 7",
    ),
    Gone(
        "sales.customer_transactions", "customer_transaction_id = {entry}",
        "fct_transaction", "transaction_key = {entry}",
        "sat_customer_transaction__status join {v}.hub_customer_transaction "
        "using (customer_transaction_hk) where customer_transaction_id = {entry}",
    ),
    Gone(
        "warehouse.stock_item_transactions", "stock_item_transaction_id = {movement}",
        "fct_movement", "movement_key = {movement}",
        "sat_stock_movement__status join {v}.nh_link_stock_movement "
        "using (stock_movement_hk) where stock_item_transaction_id = {movement}",
    ),
    # a kind of entry that is never used, so that no other row holds it back
    Gone(
        "application.transaction_types", "transaction_type_id = 8",
        "dim_transaction_type", "wwi_transaction_type_id = 8 and extract(year from valid_to) = 9999",
        "ref_transaction_type__status join {v}.ref_transaction_type "
        "using (transaction_type_hk) where transaction_type_id = 8",
    ),
)  # fmt: skip


# late corrections of what the first load brought: names, a price, who sold, the amounts of a line
CORRECTED = """
update sales.customers set customer_name = 'Corrected Ltd', credit_limit = 1234
where customer_id = 2;
update warehouse.stock_items set unit_price = unit_price + 1, color_id = 3 where stock_item_id = 3;
update application.people set full_name = 'Corrected Person', preferred_name = 'Corrected'
where person_id = 2;
update purchasing.suppliers set payment_days = payment_days + 1 where supplier_id = 1;
update application.cities set city_name = 'Correctville' where city_id = 1;
update sales.orders set salesperson_person_id = 3 where order_id = 1;
update sales.invoice_lines
set unit_price = unit_price + 10, extended_price = extended_price + 10 * quantity,
    line_profit = line_profit + 10 * quantity
where invoice_line_id = 1;
"""


class Business:
    """A platform that was loaded once, and its ways to ask and to go on."""

    def __init__(self, settings: Settings, dsn: str) -> None:
        self.settings, self.dsn = settings, dsn
        self.loads = 0
        self.client = connect(settings)
        self.catalog = load_catalog()
        self.names: dict[str, int] = {}

    def load(self) -> None:
        """One batch and one build, without the tests of the data; a copy of every mart is kept."""
        run_batch(self.settings, self.catalog)
        folders = ["--project-dir", VAULT_DIR, "--profiles-dir", VAULT_DIR]
        done = subprocess.run(
            [DBT, "run", *folders],
            env=os.environ | dbt_environment(self.settings),
            capture_output=True,
            text=True,
            timeout=DBT_LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:]
        self.loads += 1
        copies.keep(self.settings, self.loads)

    def source(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements on the source in one transaction and return the rows of the last, if it has any."""
        with psycopg.connect(self.dsn, connect_timeout=10) as connection:
            for statement in statements:
                answer = connection.execute(statement.encode())
            return answer.fetchall() if answer.description else []

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """Ask the warehouse; {m} and {v} stand for marts and raw vault."""
        layers = {"m": self.settings.dataset("marts"), "v": self.settings.dataset("raw_vault")}
        return query(self.client, sql.format(**layers, **self.names))

    def shown(self, gone: Gone) -> dict[str, Any]:
        """The row in its mart."""
        (row,) = self.ask(f"select * from {{m}}.{gone.mart} where {gone.mart_where}")
        return row

    def states(self, gone: Gone) -> list[bool]:
        """is_deleted of the row in the raw vault, one after the other."""
        rows = self.ask(f"select * from {{v}}.{gone.status}")
        return [state for _, state in sorted({(row["load_dts"], row["is_deleted"]) for row in rows})]

    def differences(self) -> list[str]:
        """Totals of the marts that are not those of the source."""
        found = reconcile(self.settings, self.catalog, load_reconciliation(self.catalog))
        return [str(each) for each in found.differences if each.layer.startswith("fct_")]


@pytest.fixture(scope="module")
def business(settings: Settings, source_dsn: str) -> Business:
    """Four days of business, loaded. The source is asked by its owner, who may also delete."""
    simulate(source_dsn, start=START, days=4, scale=0.1)
    found = Business(settings, source_dsn)
    (found.names["entry"],) = found.source(
        "select max(customer_transaction_id) from sales.customer_transactions"
    )[0]
    (found.names["movement"],) = found.source(
        "select max(stock_item_transaction_id) from warehouse.stock_item_transactions"
    )[0]
    found.load()
    return found


def test_every_fact_holds_what_the_source_holds(business: Business) -> None:
    assert business.differences() == []
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
    before = [business.shown(gone) for gone in GONE]
    assert [row["is_deleted"] for row in before] == [False] * len(GONE)

    wheres = {gone.table: gone.where.format(**business.names) for gone in GONE}
    business.source(
        "create schema kept",
        *(
            f"create table kept.{table.partition('.')[2]} as select * from {table} where {where}"
            for table, where in wheres.items()
        ),
        *(f"delete from {table} where {where}" for table, where in wheres.items()),
        *(statement for statement in CORRECTED.split(";") if statement.strip()),
    )
    business.load()
    away = [business.shown(gone) for gone in GONE]
    assert [row["is_deleted"] for row in away] == [True] * len(GONE)
    assert [without_load(row) for row in away] == [without_load(row) for row in before]
    assert [row["lineage_key"] for row in away] == [2] * len(GONE)
    assert [business.states(gone) for gone in GONE] == [[False, True]] * len(GONE)
    assert business.differences() == []

    business.source(
        *(f"insert into {table} select * from kept.{table.partition('.')[2]}" for table in wheres)
    )
    business.load()
    back = [business.shown(gone) for gone in GONE]
    assert [row["is_deleted"] for row in back] == [False] * len(GONE)
    assert [without_load(row) for row in back] == [without_load(row) for row in before]
    assert [business.states(gone) for gone in GONE] == [[False, True, False]] * len(GONE)
    assert business.differences() == []
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


@pytest.fixture(scope="module")
def models(business: Business) -> Models:
    """The definitions of the marts, as dbt compiles them for this platform."""
    return definitions(business.settings)


def test_every_mart_is_told_as_it_was_after_each_load(business: Business, models: Models) -> None:
    """Row for row, by the copies that were kept: with deletes, returns and late corrections in between.

    By the table functions, which the warehouse has to translate once for all times.
    """
    settings = business.settings
    known = loads(business.client, settings)
    assert len(known) == business.loads == 3
    made = past.make_functions(settings, models)
    assert made == tuple(f"{mart}_asof" for mart in marts(models))
    moments = [
        (known[0].load_dts, 1),
        (known[1].load_dts - timedelta(microseconds=1), 1),
        (known[1].load_dts, 2),
        (known[2].load_dts, 3),
    ]
    unequal, moved = {}, 0
    for mart in marts(models):
        for at, load in moments:
            told = f"select * from {settings.dataset('marts')}.{mart}_asof({literal(at)})"
            if found := copies.differing(settings, told, mart, load):
                unequal[mart, at] = found
        kept = copies.copy(settings, mart, 1)
        moved += bool(copies.differing(settings, f"select * from {kept}", mart, 2))
    assert not unequal
    assert moved > 10, "the loads have to differ for this to say anything"


@pytest.mark.parametrize("mart", ["dim_customer", "fct_order"])
def test_the_statement_of_a_mart_tells_what_its_table_function_tells(
    business: Business, models: Models, mart: str
) -> None:
    then = literal(loads(business.client, business.settings)[1].load_dts)
    told = as_of(business.settings, models, mart, then)
    assert copies.differing(business.settings, told, mart, 2) == []
    assert past.make_functions(business.settings, models, [mart]) == (f"{mart}_asof",), "made again"


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


def test_a_late_correction_is_found_with_what_it_did_to_the_totals(
    business: Business, models: Models
) -> None:
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


def test_only_the_rows_and_columns_that_were_asked_for_are_told(business: Business, models: Models) -> None:
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
    for wrong, mend in (("dim_customers", "Did you mean 'dim_customer'"), ("sale", "Known here: dim_city")):
        with pytest.raises(PermanentError, match=mend):
            past.as_of(settings, models, wrong, "batch:1")
    with pytest.raises(PermanentError, match="Did you mean 'unit_price'"):
        past.as_of(settings, models, "dim_stock_item", "batch:1", columns=("unitprice",))
    with pytest.raises(PermanentError, match="the vault holds no batch 4"):
        past.as_of(settings, models, "dim_stock_item", "batch:4")


def test_the_history_of_a_row_tells_when_it_was_gone_and_what_was_corrected(business: Business) -> None:
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
    with pytest.raises(PermanentError, match=r"there is no customer 9999: hub_customer holds \d+, 1 to"):
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

    told = wwi("history", "customer", "2")
    assert "2 versions" in told
    assert "Corrected Ltd" not in told
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


def sampled(business: Business, fact: str, count: int) -> list[int]:
    """Keys of rows of a fact, the same whenever the fact is."""
    key = f"{fact.removeprefix('fct_')}_key"
    rows = business.ask(
        f"select {key} as k from {{m}}.{fact} "
        f"order by md5(concat('seed 7 ', cast({key} as string))), {key} limit {count}"
    )
    return [row["k"] for row in rows]


@pytest.mark.parametrize("fact", sorted({fact.name for fact in load_reconciliation(load_catalog())}))
def test_each_of_200_rows_of_a_fact_leads_home(business: Business, fact: str) -> None:
    """Every figure is its formula over raw, and the vault holds in every part what raw delivered."""
    facts = load_reconciliation(business.catalog)
    keys = sampled(business, fact, 200)
    assert keys
    found = trace(business.settings, business.catalog, facts, fact, keys)
    assert [each.key for each in found] == sorted(keys)
    assert {each.key: each.differs for each in found if each.differs} == {}
    for each in found:
        kinds = [part.kind for part in each.parts]
        assert (kinds[-1], kinds.count("status")) == ("raw", 1), each.key
        assert all(part.batch_id for part in each.parts), each.key
        mapping = business.catalog.table(each.source).vault
        assert isinstance(mapping, HubMapping | EventMapping)
        assert kinds.count("satellite") == len(mapping.satellites), each.key


def test_a_sum_tells_its_rows_and_what_raw_makes_of_them(business: Business) -> None:
    facts = load_reconciliation(business.catalog)
    fact = "fct_transaction"
    found = made_of(business.settings, business.catalog, facts, fact, "tax_amount", "customer_key >= 0")
    (row,) = business.ask("select sum(tax_amount) as total, count(*) as n from {m}.fct_transaction")
    assert (found.total, found.computed, found.count) == (row["total"], row["total"], row["n"])
    assert sum(found.batches.values()) == found.count
    with pytest.raises(WwiError, match="tax_amount"):
        made_of(business.settings, business.catalog, facts, fact, "tax_amont", "true")


def test_a_figure_that_raw_does_not_give_is_told(business: Business) -> None:
    facts = load_reconciliation(business.catalog)
    (key,) = sampled(business, "fct_sale", 1)
    rows = f"{business.settings.dataset('marts')}.fct_sale"
    execute(business.client, f"update {rows} set profit = profit + 0.01 where sale_key = {key}")
    (found,) = trace(business.settings, business.catalog, facts, "fct_sale", [key])
    execute(business.client, f"update {rows} set profit = profit - 0.01 where sale_key = {key}")
    assert [text.partition(":")[0] for text in found.differs] == ["profit"]


def test_rows_changed_in_raw_behind_our_back_are_named(business: Business) -> None:
    """By comparing raw with what the vault took from it."""
    assert verify(business.settings, business.catalog).findings == ()
    raw = f"{business.settings.dataset('raw')}.sales__order_lines"
    audit = business.settings.dataset("audit")
    execute(business.client, f"create table {audit}.kept as select * from {raw}")
    first, second = (row["order_line_id"] for row in business.ask(
        "select order_line_id from {v}.sat_order_line__details "
        "inner join {v}.hub_order_line using (order_line_hk) "
        "group by order_line_id having count(*) = 1 and min(order_line_id) > 2 order by 1 limit 2"
    ))  # fmt: skip
    for statement in (
        f"update {raw} set quantity = quantity + 1 where order_line_id = {first} and batch_id = 1",
        f"delete from {raw} where order_line_id = {second} and batch_id = 1",
        f"insert into {raw} select * replace (-5 as order_line_id) from {raw} "
        f"where order_line_id = {first} and batch_id = 1",
    ):
        execute(business.client, statement)
    found = verify(business.settings, business.catalog).findings
    execute(business.client, f"delete from {raw} where true")
    execute(business.client, f"insert into {raw} select * from {audit}.kept")
    execute(business.client, f"drop table {audit}.kept")
    ((where, rows),) = {(each.batch_id, each.table): each.rows for each in found}.items()
    assert where == (1, "sales.order_lines")
    assert set(rows) == {
        '{"order_line_id":-5}: added',
        f'{{"order_line_id":{first}}}: changed',
        f'{{"order_line_id":{second}}}: missing',
    }
    assert verify(business.settings, business.catalog).findings == ()
