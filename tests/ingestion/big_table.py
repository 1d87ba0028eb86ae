"""A table with 400 MB of CSV: small in Postgres, which compresses the texts, but too large for memory."""

from metadata.spec import Catalog, Column, Table

ROWS = 100_000
TEXT_BYTES = 4_000


def _table(name: str, columns: dict[str, str]) -> Table:
    return Table(
        schema_name="shop",
        name=name,
        description="A table of the tests.",
        columns=tuple(
            Column(name=column, type=kind, description="A column of the tests.")
            for column, kind in columns.items()
        ),
        primary_key=(next(iter(columns)),),
    )


SMALL = _table("small", {"small_id": "integer"})
BIG = _table("big", {"big_id": "integer", "remark": "text"})
CATALOG = Catalog(tables=(SMALL, BIG), hubs=())
FILL = f"""
    insert into shop.big
    select i, left(repeat(i::text || ' ', {TEXT_BYTES}), {TEXT_BYTES}) from generate_series(1, {ROWS}) as i
"""
