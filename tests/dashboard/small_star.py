"""A small star schema with every column of the contracts, and rows that make errors visible."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from itertools import product
from random import Random
from typing import Any

from google.cloud import bigquery

from config.settings import Settings
from metadata.marts import Mart, load_marts
from warehouse.queries import execute

MARTS = {mart.name: mart for mart in load_marts()}
# the emulator has no GEOGRAPHY type, and no figure reads a picture
LEFT_OUT = ("geography", "bytes")
DAYS = (
    date(2012, 10, 31),
    date(2012, 11, 1),
    date(2013, 3, 4),
    date(2013, 3, 5),
    date(2013, 10, 31),
    date(2013, 11, 1),
)
NASTY = 'Shop <b>&</b> "Co"</script>'
DEFAULTS: dict[str, Any] = {
    "int64": 0,
    "string": "N/A",
    "bool": False,
    "numeric": 0,
    "date": None,
    "datetime": None,
}


def make_star(client: bigquery.Client, settings: Settings) -> None:
    """Create and fill the marts that the dashboard reads, with the same rows each time."""
    dataset = f"{settings.project}.{settings.dataset('marts')}"
    client.create_dataset(dataset, exists_ok=True, timeout=60)
    for name, rows in _rows(Random(7)).items():
        columns = _columns(MARTS[name])
        definitions = ", ".join(f"`{column}` {type_}" for column, type_ in columns.items())
        execute(client, f"create table `{dataset}.{name}` ({definitions})", timeout_s=60)
        values = ",\n".join(f"({', '.join(_literals(columns, row))})" for row in rows)
        names = ", ".join(f"`{column}`" for column in columns)
        execute(client, f"insert into `{dataset}.{name}` ({names}) values\n{values}", timeout_s=60)


def _columns(mart: Mart) -> dict[str, str]:
    return {column.name: column.type for column in mart.columns if column.type not in LEFT_OUT}


def _literals(columns: Mapping[str, str], row: Mapping[str, Any]) -> Iterable[str]:
    assert row.keys() <= columns.keys(), row.keys() - columns.keys()
    for name, type_ in columns.items():
        base = type_.partition("(")[0]
        value = row.get(name, DEFAULTS[base])
        if value is None:
            yield f"cast(null as {base})"
        elif isinstance(value, date):
            yield f"date '{value}'"
        elif isinstance(value, str):
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            yield f"'{escaped}'"
        else:
            yield str(value).lower()


def _calendar(day: date) -> dict[str, Any]:
    year = day.year + (day.month >= 11)
    return {
        "date": day,
        "month": f"{day:%B}",
        "fiscal_year": year,
        "fiscal_year_label": f"FY{year}",
        "beginning_of_month": day.replace(day=1),
    }


def _rows(random: Random) -> dict[str, list[dict[str, Any]]]:
    """Return rows of every fact: deleted rows, versions of one article, invoices of two cities, nulls."""

    def pick(*values: Any) -> Any:
        return random.choice(values)

    def cents(low: int, high: int) -> Decimal:
        return Decimal(random.randint(low * 100, high * 100)) / 100

    sales = [
        {"sale_key": key, "wwi_invoice_id": key // 3, "city_key": pick(0, 1, 2),
         "customer_key": pick(1, 2, 3), "bill_to_customer_key": 1, "stock_item_key": pick(1, 2, 3),
         "invoice_date_key": pick(*DAYS), "quantity": random.randint(-5, 90),
         "total_excluding_tax": cents(-50, 900), "profit": cents(-99, 300), "is_deleted": key % 10 == 9}
        for key in range(1, 91)
    ]  # fmt: skip
    for row in sales:
        days_to_deliver = pick(0, 1, 1, 1, 2, 7, None)
        day = row["invoice_date_key"]
        row["delivery_date_key"] = (
            None if days_to_deliver is None else date.fromordinal(day.toordinal() + days_to_deliver)
        )
    orders = [
        {"order_key": key, "wwi_order_id": key // 2, "city_key": pick(0, 1, 2),
         "customer_key": pick(1, 2, 3), "stock_item_key": pick(1, 2), "order_date_key": DAYS[2],
         "picked_date_key": pick(DAYS[2], DAYS[2], DAYS[3], None), "quantity": 5,
         "wwi_backorder_id": pick(None, None, 500 + key // 4), "is_deleted": key % 8 == 7}
        for key in range(1, 61)
    ]  # fmt: skip
    ledger = [
        {"transaction_key": key, "date_key": pick(*DAYS), "bill_to_customer_key": pick(1, 2, 3),
         "wwi_customer_transaction_id": None if key % 6 == 5 else key, "transaction_type_key": kind,
         "total_including_tax": cents(10, 500) if kind == 1 else -cents(10, 400),
         "outstanding_balance": cents(1, 90) if kind == 1 else 0, "is_deleted": key % 11 == 10}
        for key in range(1, 61) for kind in (pick(1, 1, 2),)
    ]  # fmt: skip
    days = sorted({*DAYS, *(date.fromordinal(day.toordinal() + n) for day, n in product(DAYS, (1, 2, 7)))})
    return {
        "dim_date": [_calendar(day) for day in days],
        "dim_city": [{"city_key": key, "wwi_city_id": key, "sales_territory": name}
                     for key, name in enumerate(("N/A", "Plains", "Far West"))],
        "dim_customer": [
            {"customer_key": 0, "customer": "Unknown"},
            {"customer_key": 1, "wwi_customer_id": 1, "customer": "Office", "buying_group": "Tailspin Toys"},
            {"customer_key": 2, "wwi_customer_id": 42, "customer": "T***"},
            {"customer_key": 3, "wwi_customer_id": 43, "customer": NASTY, "buying_group": "Wingtip Toys"},
        ],
        "dim_stock_item": [
            {"stock_item_key": key, "wwi_stock_item_id": number, "stock_item": name}
            for key, number, name in ((1, 1, "Mug"), (2, 2, "USB launcher"), (3, 2, "USB launcher"))
        ],
        "dim_supplier": [{"supplier_key": key, "supplier": f"Supplier {key}"} for key in (1, 2)],
        "dim_transaction_type": [
            {"transaction_type_key": 1, "transaction_type": "Customer Invoice"},
            {"transaction_type_key": 2, "transaction_type": "Customer Payment Received"},
        ],
        "fct_sale": sales,
        "fct_order": orders,
        "fct_transaction": ledger,
        "fct_movement": [
            {"movement_key": key, "date_key": pick(*DAYS), "quantity": random.randint(-40, 60)}
            for key in range(1, 31)
        ],
        "fct_purchase": [
            {"purchase_key": key, "date_key": pick(*DAYS), "supplier_key": pick(1, 2),
             "ordered_outers": 10 + key, "received_outers": pick(10 + key, 3),
             "is_order_finalized": key % 3 > 0, "is_deleted": key == 5}
            for key in range(1, 21)
        ],
        "fct_stock_holding": [
            {"stock_holding_key": key, "stock_item_key": key, "bin_location": f"A-{key}",
             "quantity_on_hand": 30 * key, "last_cost_price": Decimal("1.37"), "reorder_level": 45,
             "target_stock_level": 90}
            for key in (1, 2)
        ],
    }  # fmt: skip
