"""Read the state of the business from the database.

A row is live while the business can still change it. Master data are always live; a document is live until
its own columns say that it is finished.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg

from metadata.spec import Catalog
from sandbox.simulator.columns import END_OF_TIME, Columns, from_expression, from_rows
from sandbox.simulator.parameters import Parameters
from sandbox.simulator.sheet import Sheet
from sandbox.simulator.world import World


@dataclass(frozen=True)
class Live:
    """The live rows of a table (SQL, `t` is the table) and the needed columns (empty: all)."""

    where: str = "true"
    columns: tuple[str, ...] = ()


_OPEN_INVOICE = "confirmed_delivery_time is null and not is_credit_note"
_WAITING_ORDER = "not exists (select from sales.invoices i where i.order_id = t.order_id)"
_POPULATION = ("latest_recorded_population", "last_edited_by")

LIVE = {
    "application.cities": Live(columns=("city_id", "state_province_id", *_POPULATION)),
    "application.countries": Live(columns=("country_id", *_POPULATION)),
    "application.people": Live(),
    "application.state_provinces": Live(columns=("state_province_id", "sales_territory", *_POPULATION)),
    "purchasing.purchase_order_lines": Live("not is_order_line_finalized"),
    "purchasing.purchase_orders": Live("not is_order_finalized"),
    "purchasing.supplier_transactions": Live("not is_finalized"),
    "purchasing.suppliers": Live(),
    "sales.customer_transactions": Live("not is_finalized"),
    "sales.customers": Live(),
    "sales.invoice_lines": Live(
        f"invoice_id in (select invoice_id from sales.invoices where {_OPEN_INVOICE})"
    ),
    "sales.invoices": Live(_OPEN_INVOICE),
    "sales.order_lines": Live(_WAITING_ORDER),
    "sales.orders": Live(_WAITING_ORDER),
    "sales.special_deals": Live(),
    "warehouse.cold_room_temperatures": Live(f"valid_to = '{END_OF_TIME}'"),
    "warehouse.stock_item_holdings": Live(),
    "warehouse.stock_item_stock_groups": Live(),
    "warehouse.stock_items": Live(),
}


def read_world(
    connection: psycopg.Connection,
    catalog: Catalog,
    parameters: Parameters,
    first_day: date,
    next_ids: dict[str, int],
) -> World:
    """Return the state of the business in the database."""
    sheets: dict[str, Any] = {
        catalog.table(name).name: read_sheet(connection, catalog, name, live) for name, live in LIVE.items()
    }
    return World(catalog, parameters, first_day, dict(next_ids), **sheets)


def read_sheet(connection: psycopg.Connection, catalog: Catalog, name: str, live: Live) -> Sheet:
    """Return the live rows of one table, ordered by key."""
    table = catalog.table(name)
    columns = [column for column in table.columns if not live.columns or column.name in live.columns]
    query = (
        f"select {', '.join(map(from_expression, columns))} from {name} t "
        f"where {live.where} order by {table.primary_key[0]}"
    )
    rows: Columns = from_rows(columns, connection.execute(query.encode()).fetchall())
    return Sheet(table, rows)
