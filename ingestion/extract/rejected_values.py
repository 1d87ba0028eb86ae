"""Stage rejected values: values that BigQuery cannot hold. Their rows are loaded with null instead.

They are staged in a separate Parquet file and loaded into the ledger table `rejected_values` by a separate
job, so they are loaded exactly once, like the batch. Readers must use rows of completed batches only.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from config.errors import PermanentError
from ingestion.extract.csv_arrow import Block, RejectedColumnValues
from metadata.spec import Table
from warehouse.parquet import join_files

TABLE = "rejected_values"
FILE = f"{TABLE}.parquet"
SCHEMA = pa.schema(
    [
        ("batch_id", pa.int64()),
        ("table_name", pa.string()),
        ("key", pa.string()),
        ("column_name", pa.string()),
        ("value", pa.string()),
        ("reason", pa.string()),
        ("rejected_at", pa.timestamp("us", tz="UTC")),
        ("load_dts", pa.timestamp("us", tz="UTC")),
    ]
)


@dataclass(frozen=True)
class RejectedValue:
    """One rejected value. `key` is the key of its row as JSON: {"order_id": 7}."""

    key: str
    column: str
    value: str
    reason: str


def reject(block: Block, table: Table) -> list[RejectedValue]:
    """Return the rejected values of the block with the keys of their rows.

    Raises PermanentError if one is part of a key, because its row could not be identified.
    """
    for rejected in block.rejected:
        if rejected.column in table.primary_key:
            raise _key_error(rejected, table)
    found: list[RejectedValue] = []
    for rejected in block.rejected:
        keys = block.rows.select(list(table.primary_key)).take(rejected.rows).to_pylist()
        found += [
            RejectedValue(
                json.dumps(key, default=_plain, ensure_ascii=False),
                rejected.column,
                str(text),
                rejected.reason,
            )
            for key, text in zip(keys, rejected.texts.to_pylist(), strict=True)
        ]
    return found


def check_limit(found: Sequence[RejectedValue], limit: int, table: Table) -> None:
    """Raise PermanentError for more rejected values than `limit`: probably a mistake, not bad data."""
    if len(found) <= limit:
        return
    reasons = {each.column: each.reason for each in found}
    listed = ", ".join(
        f"{column} ({count}: {reasons[column]})"
        for column, count in Counter(each.column for each in found).most_common()
    )
    raise PermanentError(
        f"{table.qualified}: values do not fit BigQuery in {listed}; WWI_REJECTED_LIMIT allows {limit} in a "
        "table and batch. Nothing of this batch was loaded. Correct the rows in the source, load the column "
        f"as text (`type: ... as text` in metadata/tables/{table.schema_name}/{table.name}.yml), or raise "
        "the limit to load null instead and store the values in rejected_values."
    )


def write(path: Path, table: str, found: Sequence[RejectedValue], batch_id: int, load_dts: datetime) -> None:
    """Write the rejected values of one table, one row each."""
    count = len(found)
    columns: list[list[object]] = [
        [batch_id] * count,
        [table] * count,
        [each.key for each in found],
        [each.column for each in found],
        [each.value for each in found],
        [each.reason for each in found],
        [load_dts] * count,
        [load_dts] * count,
    ]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA), path, compression="zstd")


def join(folder: Path, files: Sequence[str]) -> tuple[Path, int] | None:
    """Join the files of all tables; return the joined file and its number of rows, or None."""
    return join_files(folder, files, SCHEMA, FILE)


def _plain(value: object) -> str:
    """Convert a key value without JSON type to text that BigQuery can cast back; bytes to hexadecimal."""
    return value.hex() if isinstance(value, bytes) else str(value)


def _key_error(rejected: RejectedColumnValues, table: Table) -> PermanentError:
    is_personal = table.column(rejected.column).is_personal
    value = "not shown" if is_personal else repr(rejected.texts[0].as_py()[:80])  # no personal data in logs
    return PermanentError(
        f"{table.qualified}.{rejected.column}: {len(rejected.rows)} values of the key do not fit BigQuery: "
        f"{rejected.reason} (the first is {value}). A row without its key cannot be loaded. Nothing of this "
        "batch was loaded. Correct the rows in the source, or choose another primary_key in "
        f"metadata/tables/{table.schema_name}/{table.name}.yml."
    )
