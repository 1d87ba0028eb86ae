"""A simulated business, loaded in two batches; the expected answers are queried from the source each time."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from config.settings import Settings
from ingestion.batch import run_batch
from metadata.spec import Catalog
from sandbox.reader import grant_reader
from sandbox.simulator import simulate
from sandbox.simulator.parameters import Extensions
from tests.business_vault import rules
from transform.dbt_invocation import VAULT_DIR, dbt_environment
from warehouse.client import connect
from warehouse.queries import query

FIRST_DAY = date(2013, 1, 1)
# the first batch is loaded after a stocktake, the second after many payments and credit notes
BATCH_DAYS = (33, 12)
MODELS = (
    "bridge_purchase_to_pay",
    "bv_sat_customer__balance",
    "bv_sat_customer__days_to_pay",
    "bv_sat_invoice__profit",
    "bv_sat_order__fulfilment",
    "bv_sat_stock_item__position",
)
# hubs of the business keys by which rows are compared
HUBS = ("hub_customer", "hub_invoice", "hub_order", "hub_purchase_order", "hub_stock_item", "hub_supplier")
EVENTS = Extensions(credit_note_share=0.1, late_order_share=0.1)

# rows that are deleted between the two batches
DELETED = """
delete from sales.order_lines where order_line_id = 1;
delete from sales.customer_transactions where customer_transaction_id = (
    select min(customer_transaction_id) from sales.customer_transactions where outstanding_balance > 0
);
"""

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Business:
    """The loaded warehouse, the source, and the source's answers on the day of each batch."""

    settings: Settings
    source: psycopg.Connection
    answers: dict[tuple[str, date], Rows]
    days: tuple[date, ...]

    @property
    def today(self) -> date:
        """The day of the newest batch."""
        return self.days[-1]

    def from_source(self, sql: str) -> Rows:
        """Query the source; %(today)s is the day of the newest batch."""
        return ask_source(self.source, sql, self.today)

    def from_warehouse(self, sql: str) -> Rows:
        """Query the warehouse; {bv} and {rv} stand for business vault and raw vault."""
        names = {"bv": self.settings.dataset("business_vault"), "rv": self.settings.dataset("raw_vault")}
        client = connect(self.settings)
        return [tuple(row.values()) for row in query(client, sql.format(**names))]


def ask_source(source: psycopg.Connection, sql: str, today: date) -> Rows:
    """Return the rows of a query on Postgres."""
    return source.execute(sql.encode(), {"today": today}).fetchall()


@pytest.fixture(scope="module")
def business(settings: Settings, source_dsn: str, catalog: Catalog) -> Iterator[Business]:
    """Simulate and load two batches, then build the models under test once."""
    answers: dict[tuple[str, date], Rows] = {}
    days: list[date] = []
    next_day = FIRST_DAY
    with psycopg.connect(source_dsn, autocommit=True, connect_timeout=10) as source:
        for count in BATCH_DAYS:
            simulate(source_dsn, start=next_day, days=count, scale=0.2, extensions=EVENTS)
            if days:
                source.execute(DELETED.encode())
            else:
                grant_reader(source_dsn, catalog)
            next_day += timedelta(days=count)
            days.append(next_day - timedelta(days=1))
            for name, sql in (("stock", rules.STOCK), ("balance", rules.BALANCE)):
                answers[name, days[-1]] = ask_source(source, sql, days[-1])
            run_batch(settings, catalog)
        _run_models(settings)
        yield Business(settings, source, answers, tuple(days))


def _run_models(settings: Settings) -> None:
    """Run the models under test and their upstream models; data tests run with every load elsewhere."""
    dbt = Path(sys.executable).parent / "dbt"
    selected = [f"+{model}" for model in (*MODELS, *HUBS)]
    folders = ["--project-dir", VAULT_DIR, "--profiles-dir", VAULT_DIR]
    done = subprocess.run(
        [dbt, "--no-use-colors", "run", "--select", *selected, *folders],
        env=os.environ | dbt_environment(settings),
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
