"""The table for comparing readers: twelve columns of common types."""

import psycopg

from metadata.spec import Catalog, Column, Table

ROWS = 1_000_000
TYPES = {
    "line_id": "bigint",
    "order_id": "integer",
    "stock_item_id": "integer",
    "description": "varchar(100)",
    "comments": "text",
    "quantity": "integer",
    "unit_price": "numeric(18,2)",
    "tax_rate": "numeric(18,3)",
    "order_date": "date",
    "picked_at": "timestamp",
    "edited_at": "timestamptz",
    "is_done": "boolean",
}
LINES = Table(
    schema_name="bench",
    name="lines",
    description="Generated order lines.",
    columns=tuple(
        Column(name=name, type=kind, description="A column of the benchmark.") for name, kind in TYPES.items()
    ),
    primary_key=("line_id",),
)
CATALOG = Catalog(tables=(LINES,), hubs=())

# i is the row number; texts have quotes, commas and newlines, and five columns have nulls
_VALUES = """
    i,
    i / 3,
    case when i % 7 <> 0 then i % 219 end,
    'Stock item ' || i % 219 || ', "large", no. ' || md5((i % 5000)::text),
    case when i % 10 = 0 then 'note ' || i || case when i % 100 = 0 then E'\\nsecond line' else '' end end,
    i % 500,
    case when i % 11 <> 0 then (i % 100000)::numeric / 100 end,
    (i % 15000)::numeric / 1000,
    date '2013-01-01' + i % 1200,
    case when i % 5 <> 0 then timestamp '2013-01-01 08:00' + i * interval '1.37 second' end,
    timestamptz '2013-01-01 08:00+00' + i * interval '1.123457 second',
    i % 3 = 0
"""


def fill(dsn: str) -> None:
    """Create and fill the table."""
    columns = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
    with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as source:
        source.execute("create schema if not exists bench")
        source.execute(f"create table bench.lines ({columns}, primary key (line_id))".encode())
        source.execute(
            f"insert into bench.lines select {_VALUES} from generate_series(1, {ROWS}) as i".encode()
        )
        source.execute("vacuum analyze bench.lines")
