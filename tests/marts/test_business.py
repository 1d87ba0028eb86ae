"""The marts over some days of business: rows that go and come back, and what is shown of people."""

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from flows.dbt import VAULT_DIR, dbt_environment
from ingestion.batch import run_batch
from ingestion.bigquery import connect, query
from ingestion.settings import Settings
from metadata.load import load_catalog
from metadata.reconciliation import load_reconciliation
from questions.reconcile import reconcile
from sandbox.simulator import simulate

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


class Business:
    """A platform that was loaded once, and its ways to ask and to go on."""

    def __init__(self, settings: Settings, dsn: str) -> None:
        self.settings, self.dsn = settings, dsn
        self.client = connect(settings)
        self.catalog = load_catalog()
        self.names: dict[str, int] = {}

    def load(self) -> None:
        """One batch and one build, without the tests of the data."""
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
