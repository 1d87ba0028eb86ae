"""What makes a batch tamper-evident: a hash over its rows in raw, those in the ledger, and the batch before.

The content of a delivery is its number of rows and two sums of 60 bits of the SHA-256 of each row written as
JSON, so the order of rows does not count and a row that is there twice does. The warehouse computes it, when
the batch is loaded and again when it is verified; so both are of one engine, and the rows never travel. The
columns are those that the ledger says were loaded then: a column that comes later changes nothing.

The hash of a batch takes in the hash of the one before, so whoever alters an old one would have to write
every later one anew; against that helps the newest hash, noted outside of the warehouse.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import Any

from google.cloud.bigquery import Client

from config.settings import Settings
from metadata import naming
from warehouse.queries import query, timestamp_literal
from warehouse.raw_tables import plumbing_names

START = "0" * 64
# the content of no row
NOTHING = "0:0:0"
# of the batches of a warehouse; not part of what they are taken of
HASHES = ("previous_hash", "own_hash")
TABLES_A_STATEMENT = 30
_DIGITS = Decimal(10) ** -9

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Delivery:
    """Rows of one raw table: the source's columns that were loaded, and the batches.

    `table`: `sales.orders`. `load_dts`: where it is known, it picks the partition.
    `replaced`: {column: SQL} that is taken in its place, to know a content before it is written. `relation`:
    the quoted name of a table of the ledger, which is meant instead of a raw one.
    """

    table: str
    columns: tuple[str, ...]
    batches: tuple[int, ...]
    load_dts: datetime | None = None
    replaced: Mapping[str, str] = field(default_factory=dict)
    relation: str | None = None


def contents(
    client: Client, settings: Settings, deliveries: Sequence[Delivery]
) -> dict[tuple[str, int], str]:
    """Return {(table, batch): content} of what raw holds; a batch without a row is left out."""
    found = {}
    for start in range(0, len(deliveries), TABLES_A_STATEMENT):
        sql = contents_statement(settings, deliveries[start : start + TABLES_A_STATEMENT])
        for row in query(client, sql, timeout_s=settings.load_timeout_s):
            sums = (int(Decimal(row[name]).to_integral_value()) for name in ("first_sum", "second_sum"))
            content = ":".join(map(str, (row["row_count"], *sums)))
            found[row["table_name"], int(row["batch_id"])] = content
    return found


def contents_statement(settings: Settings, deliveries: Iterable[Delivery]) -> str:
    """One row per table and batch: table_name, batch_id, row_count, first_sum, second_sum."""
    return "\nunion all\n".join(_content(settings, each) for each in deliveries)


def _content(settings: Settings, delivery: Delivery) -> str:
    columns = ", ".join(
        f"{delivery.replaced[name]} as `{name}`" if name in delivery.replaced else f"`{name}`"
        for name in sorted({*delivery.columns, *([] if delivery.relation else plumbing_names())})
    )
    batches = ", ".join(map(str, delivery.batches))
    at = delivery.load_dts
    partition = f" and load_dts = {timestamp_literal(at)}" if at else ""
    sums = ", ".join(
        f"sum(cast(cast(concat('0x', substr(row_hash, {start}, 15)) as int64) as bignumeric)) as {name}"
        for start, name in ((1, "first_sum"), (16, "second_sum"))
    )
    return f"""select '{delivery.table}' as table_name, batch_id, count(*) as row_count, {sums}
from (
    select one_row.batch_id, to_hex(sha256(to_json_string(one_row))) as row_hash
    from (
        select {columns}
        from {delivery.relation or raw_table(settings, delivery.table)}
        where batch_id in ({batches}){partition}
    ) as one_row
)
group by batch_id"""


def raw_table(settings: Settings, table: str) -> str:
    """The quoted name of the raw table of `sales.orders`."""
    return f"`{settings.project}.{settings.dataset('raw')}.{naming.raw_table(*table.split('.', 1))}`"


def rows_of(content: str | None) -> int:
    """How many rows a content is of."""
    return int(content.partition(":")[0]) if content else 0


def link(previous: str, batch: Row, parts: Mapping[str, tuple[Mapping[str, str], Sequence[Row]]]) -> str:
    """Return the hash of a batch: SHA-256 over the hash before it and its rows in the ledger.

    `batch`: its row of `batches`; `parts`: {table of the ledger: (types of its columns, the batch's rows)},
    of which `table_loads` holds the contents. The order of rows does not count, nor does a column that is
    null, for an older release had no such column.
    """
    told = {
        "previous": previous,
        "batch": _told(batch, {}, HASHES),
        **{
            name: sorted(json.dumps(_told(row, kinds), sort_keys=True) for row in rows)
            for name, (kinds, rows) in parts.items()
        },
    }
    return digest(told)


def digest(told: object) -> str:
    """SHA-256 of a value's JSON, keys sorted, in hexadecimal."""
    text = json.dumps(told, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _told(row: Row, kinds: Mapping[str, str], without: Collection[str] = ()) -> dict[str, str]:
    return {
        name: _text(value, kinds.get(name))
        for name, value in row.items()
        if value is not None and name not in without and (not kinds or name in kinds)
    }


def _text(value: object, kind: str | None) -> str:
    """A value as one text, the same before it is written and after it is read."""
    if kind == "NUMERIC" or isinstance(value, Decimal):
        with localcontext(prec=80):
            rounded = Decimal(str(value)).quantize(_DIGITS, "ROUND_HALF_UP")
            return f"{rounded.normalize() + 0:f}"
    if isinstance(value, datetime):
        aware = value.astimezone(UTC) if value.tzinfo else value
        return aware.isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
