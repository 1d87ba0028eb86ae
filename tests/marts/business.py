"""A platform with three loads: rows are deleted, restored and corrected late; marts are copied each time."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg.rows import dict_row

from audit.reconciliation.reconcile import reconcile
from config.settings import Settings
from ingestion.batch import run_batch
from metadata.load import load_catalog
from metadata.reconciliation import load_reconciliation
from sandbox.simulator import Extensions, simulate
from tests import erased_person
from tests.marts import copies, injected, renamed
from transform import dbt, selection
from transform.dbt_invocation import VAULT_DIR
from warehouse.client import connect
from warehouse.queries import query

START = date(2016, 1, 4)  # sensors have readings from then on
DAYS = 25  # includes the first payments to suppliers and a stocktake
SCALE = 0.1
# make rare events frequent, so that few small loads contain each of them
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


@dataclass(frozen=True)
class DeletedRow:
    """A row of the source that is deleted and restored, and its place in the warehouse.

    `where` selects it in the source, `mart_where` in the mart; `status` is its status satellite.
    """

    table: str
    where: str
    mart: str
    mart_where: str
    status: str


DELETED_ROWS = (
    DeletedRow(
        "sales.order_lines", "order_line_id = 2", "fct_order", "order_key = 2",
        "sat_order_line__status where order_line_id = 2",
    ),
    DeletedRow(
        "warehouse.stock_item_holdings", "stock_item_id = 7", "fct_stock_holding", "stock_holding_key = 7",
        "sat_stock_item__holding_status where stock_item_id = 7",
    ),
    DeletedRow(
        "sales.customer_transactions", "customer_transaction_id = {entry}",
        "fct_transaction", "transaction_key = {entry}",
        "sat_customer_transaction__status where customer_transaction_id = {entry}",
    ),
    DeletedRow(
        "warehouse.stock_item_transactions", "stock_item_transaction_id = {movement}",
        "fct_movement", "movement_key = {movement}",
        "sat_stock_movement__status where stock_item_transaction_id = {movement}",
    ),
    # a transaction type that is never used, so that no foreign key prevents the delete
    DeletedRow(
        "application.transaction_types", "transaction_type_id = 8",
        "dim_transaction_type", "wwi_transaction_type_id = 8 and extract(year from valid_to) = 9999",
        "ref_transaction_type__status join {v}.ref_transaction_type "
        "using (transaction_type_hk) where transaction_type_id = 8",
    ),
)  # fmt: skip


# late corrections of rows of the first load: names, a price, a salesperson, amounts, and two events
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
update warehouse.stock_item_transactions
set quantity = quantity - 1, stock_item_id = stock_item_id + 1,
    transaction_occurred_when = transaction_occurred_when - interval '1 day'
where stock_item_transaction_id
    = (select min(stock_item_transaction_id) from warehouse.stock_item_transactions);
update warehouse.vehicle_temperatures set temperature = temperature + 1, chiller_sensor_number = 77
where vehicle_temperature_id = (select min(vehicle_temperature_id) from warehouse.vehicle_temperatures);
"""


@dataclass(frozen=True)
class LoadResult:
    """The state after a load: rows and states of DELETED_ROWS, and totals that differ from the source.

    `members`: the expected attributes of the dimensions, by name and ID, queried from the source.
    """

    shown: list[dict[str, Any]]
    states: list[list[bool]]
    differences: list[str]
    members: dict[str, dict[int, dict[str, Any]]]


class Business:
    """A platform with methods to load, change and query it."""

    def __init__(self, settings: Settings) -> None:
        assert settings.source_dsn
        self.settings, self.dsn = settings, settings.source_dsn
        self.loads = 0
        self.client = connect(settings)
        self.catalog = load_catalog()
        self.names: dict[str, int] = {}
        self.person = erased_person.Person(0, "")
        self.results: list[LoadResult] = []

    def load(self) -> None:
        """Load a batch, build the affected models without data tests, and copy each mart."""
        run_batch(self.settings, self.catalog)
        touched = selection.affected_models(self.client, self.settings, VAULT_DIR) if self.loads else None
        dbt.run_models(self.settings, touched or ["path:models"])
        self.loads += 1
        copies.keep(self.settings, self.loads)
        self.results.append(
            LoadResult(
                [self.shown(gone) for gone in DELETED_ROWS],
                [self.states(gone) for gone in DELETED_ROWS],
                self.differences(),
                {dimension: self.members(sql) for dimension, sql in renamed.SHOWN.items()},
            )
        )

    def members(self, sql: str) -> dict[int, dict[str, Any]]:
        """Return the members of a dimension from the source: {id: attributes}."""
        with psycopg.connect(self.dsn, connect_timeout=10, row_factory=dict_row) as connection:
            rows = connection.execute(sql.encode()).fetchall()
        return {next(iter(row.values())): row for row in rows}

    def source(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements on the source in one transaction and return the rows of the last one."""
        with psycopg.connect(self.dsn, connect_timeout=10) as connection:
            for statement in statements:
                answer = connection.execute(statement.encode())
            return answer.fetchall() if answer.description else []

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """Query the warehouse; {m} and {v} stand for marts and raw vault."""
        layers = {"m": self.settings.dataset("marts"), "v": self.settings.dataset("raw_vault")}
        return query(self.client, sql.format(**layers, **self.names))

    def shown(self, gone: DeletedRow) -> dict[str, Any]:
        """Return the row in its mart."""
        (row,) = self.ask(f"select * from {{m}}.{gone.mart} where {gone.mart_where}")
        return row

    def states(self, gone: DeletedRow) -> list[bool]:
        """Return the values of is_deleted of the row in the raw vault, in load order."""
        rows = self.ask(f"select * from {{v}}.{gone.status}")
        return [state for _, state in sorted({(row["load_dts"], row["is_deleted"]) for row in rows})]

    def differences(self) -> list[str]:
        """Return the totals of marts that differ from the source."""
        found = reconcile(self.settings, self.catalog, load_reconciliation(self.catalog))
        return [str(each) for each in found.differences if each.layer.startswith("fct_")]

    def live(self) -> None:
        """Load three batches: simulated days, then deletes and late corrections, then the restored rows."""
        simulate(self.dsn, start=START, days=DAYS, scale=SCALE, extensions=BUSY)
        ((self.names["entry"],),) = self.source(
            "select max(customer_transaction_id) from sales.customer_transactions"
        )
        ((self.names["movement"],),) = self.source(
            "select max(stock_item_transaction_id) from warehouse.stock_item_transactions"
        )
        self.person = erased_person.insert(self.dsn)
        self.load()
        erased_person.remove(self.dsn, self.person)
        wheres = {gone.table: gone.where.format(**self.names) for gone in DELETED_ROWS}
        self.source(
            "create schema kept",
            *(
                f"create table kept.{table.partition('.')[2]} as select * from {table} where {where}"
                for table, where in wheres.items()
            ),
            *(f"delete from {table} where {where}" for table, where in wheres.items()),
            *(statement for statement in CORRECTED.split(";") if statement.strip()),
            injected.GO_AWAY,
            renamed.RENAMED,
        )
        self.load()
        self.source(
            *(f"insert into {table} select * from kept.{table.partition('.')[2]}" for table in wheres),
            injected.COME_BACK,
            renamed.RENAMED_AGAIN,
        )
        self.load()
