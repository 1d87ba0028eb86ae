"""The hash chain that makes batches tamper-evident.

A batch hash covers the rows of the batch in raw (as content checksums), its rows in the ledger, and the hash
of the previous batch. The content checksum of a table and batch is the number of rows and two sums of 60 bits
of each row's SHA-256 as JSON: the order of rows does not matter, duplicates do. The warehouse computes it
when the batch is loaded and again when it is verified, over the columns that the ledger says were loaded; a
later column changes nothing.

To alter an old batch somebody would have to rewrite all later hashes. Note the newest hash outside of the
warehouse to detect that.
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
from warehouse.raw_tables import system_column_names

GENESIS_HASH = "0" * 64
# the content checksum of no rows
EMPTY_CONTENT = "0:0:0"
# columns of `batches` that the batch hash does not cover
HASH_COLUMNS = ("previous_hash", "own_hash")
TABLES_PER_STATEMENT = 30
_DIGITS = Decimal(10) ** -9

Row = Mapping[str, Any]


@dataclass(frozen=True)
class BatchRows:
    """Rows of one raw table in the given batches, with the source columns that were loaded.

    `table`: `sales.orders`. `load_dts`: if it is known, for partition pruning.
    `replaced`: {column: SQL} to use instead of the column, to compute a checksum before a change is written.
    `relation`: the quoted name of a ledger table to read instead of the raw table.
    """

    table: str
    columns: tuple[str, ...]
    batches: tuple[int, ...]
    load_dts: datetime | None = None
    replaced: Mapping[str, str] = field(default_factory=dict)
    relation: str | None = None


def content_checksums(
    client: Client, settings: Settings, selected: Sequence[BatchRows]
) -> dict[tuple[str, int], str]:
    """Return {(table, batch): content checksum} of rows in raw; a batch without rows is left out."""
    found = {}
    for start in range(0, len(selected), TABLES_PER_STATEMENT):
        sql = content_checksums_statement(settings, selected[start : start + TABLES_PER_STATEMENT])
        for row in query(client, sql, timeout_s=settings.load_timeout_s):
            sums = (int(Decimal(row[name]).to_integral_value()) for name in ("first_sum", "second_sum"))
            content = ":".join(map(str, (row["row_count"], *sums)))
            found[row["table_name"], int(row["batch_id"])] = content
    return found


def content_checksums_statement(settings: Settings, selected: Iterable[BatchRows]) -> str:
    """Return a query of table_name, batch_id, row_count, first_sum and second_sum per table and batch."""
    return "\nunion all\n".join(_content_query(settings, each) for each in selected)


def _content_query(settings: Settings, selected: BatchRows) -> str:
    columns = ", ".join(
        f"{selected.replaced[name]} as `{name}`" if name in selected.replaced else f"`{name}`"
        for name in sorted({*selected.columns, *([] if selected.relation else system_column_names())})
    )
    batches = ", ".join(map(str, selected.batches))
    at = selected.load_dts
    partition = f" and load_dts = {timestamp_literal(at)}" if at else ""
    sums = ", ".join(
        f"sum(cast(cast(concat('0x', substr(row_hash, {start}, 15)) as int64) as bignumeric)) as {name}"
        for start, name in ((1, "first_sum"), (16, "second_sum"))
    )
    return f"""select '{selected.table}' as table_name, batch_id, count(*) as row_count, {sums}
from (
    select one_row.batch_id, to_hex(sha256(to_json_string(one_row))) as row_hash
    from (
        select {columns}
        from {selected.relation or raw_table(settings, selected.table)}
        where batch_id in ({batches}){partition}
    ) as one_row
)
group by batch_id"""


def raw_table(settings: Settings, table: str) -> str:
    """Return the quoted name of the raw table of `sales.orders`."""
    return f"`{settings.project}.{settings.dataset('raw')}.{naming.raw_table(*table.split('.', 1))}`"


def row_count(content: str | None) -> int:
    """Return the number of rows of a content checksum."""
    return int(content.partition(":")[0]) if content else 0


def batch_hash(
    previous: str, batch: Row, parts: Mapping[str, tuple[Mapping[str, str], Sequence[Row]]]
) -> str:
    """Return the hash of a batch: SHA-256 over the previous hash and the rows of the batch in the ledger.

    `batch`: its row of `batches`. `parts`: {ledger table: (column types, rows of the batch)}; the content
    checksums are in `table_loads`. The order of rows does not matter. Null columns are left out, so that
    columns of a later release do not change the hash.
    """
    covered = {
        "previous": previous,
        "batch": _hashed_values(batch, {}, HASH_COLUMNS),
        **{
            name: sorted(json.dumps(_hashed_values(row, kinds), sort_keys=True) for row in rows)
            for name, (kinds, rows) in parts.items()
        },
    }
    return json_sha256(covered)


def json_sha256(value: object) -> str:
    """Return the SHA-256 of a value's JSON with sorted keys, in hexadecimal."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _hashed_values(row: Row, kinds: Mapping[str, str], without: Collection[str] = ()) -> dict[str, str]:
    return {
        name: _text(value, kinds.get(name))
        for name, value in row.items()
        if value is not None and name not in without and (not kinds or name in kinds)
    }


def _text(value: object, kind: str | None) -> str:
    """Return a value as text, the same before it is written and after it is read."""
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
