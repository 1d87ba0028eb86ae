"""Values that BigQuery cannot hold: the row is loaded with null in their place, and they are kept here.

They travel in the spool as a Parquet file of their own and are loaded into the ledger's `rejected_values` by
a job of their own, so they come exactly as often as the batch does: once. Who reads them counts the rows of
completed batches only.
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
from ingestion.extract.csv_arrow import Block, Unfit
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
class Rejected:
    """One value that was set apart. `key` is the row's key as JSON: {"order_id": 7}."""

    key: str
    column: str
    value: str
    reason: str


def set_apart(block: Block, table: Table) -> list[Rejected]:
    """Return the block's unfit values with the keys of their rows.

    Raises PermanentError when one belongs to the key: without it, nobody could tell which row it is of.
    """
    for unfit in block.unfit:
        if unfit.column in table.primary_key:
            raise _key_error(unfit, table)
    found: list[Rejected] = []
    for unfit in block.unfit:
        keys = block.rows.select(list(table.primary_key)).take(unfit.rows).to_pylist()
        found += [
            Rejected(
                json.dumps(key, default=_plain, ensure_ascii=False), unfit.column, str(text), unfit.reason
            )
            for key, text in zip(keys, unfit.texts.to_pylist(), strict=True)
        ]
    return found


def check_limit(found: Sequence[Rejected], limit: int, table: Table) -> None:
    """Raise PermanentError when more values than `limit` were set apart: likelier a mistake than bad data."""
    if len(found) <= limit:
        return
    reasons = {each.column: each.reason for each in found}
    listed = ", ".join(
        f"{column} ({count}: {reasons[column]})"
        for column, count in Counter(each.column for each in found).most_common()
    )
    raise PermanentError(
        f"{table.qualified}: values do not fit BigQuery in {listed}; WWI_REJECTED_LIMIT allows {limit} in a "
        "table and batch. Correct the rows in the source, load the column as text (`type: ... as text` in "
        f"metadata/tables/{table.schema_name}/{table.name}.yml), or raise the limit to have null in their "
        "place and keep them in rejected_values. Nothing of this batch was loaded."
    )


def write(path: Path, table: str, found: Sequence[Rejected], batch_id: int, load_dts: datetime) -> None:
    """Write the values of one table, a row each."""
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
    """Put the files of a spool's tables together; return the one file and its rows, or None."""
    return join_files(folder, files, SCHEMA, FILE)


def _plain(value: object) -> str:
    """A part of a key that JSON has no form for, as text that BigQuery casts back; bytes in hexadecimal."""
    return value.hex() if isinstance(value, bytes) else str(value)


def _key_error(unfit: Unfit, table: Table) -> PermanentError:
    is_personal = table.column(unfit.column).is_personal
    value = "not shown" if is_personal else repr(unfit.texts[0].as_py()[:80])  # no personal data in a log
    return PermanentError(
        f"{table.qualified}.{unfit.column}: {len(unfit.rows)} values of the key do not fit BigQuery: "
        f"{unfit.reason} (the first is {value}). A row without its key cannot be loaded. Correct it in the "
        f"source, or choose another primary_key in metadata/tables/{table.schema_name}/{table.name}.yml. "
        "Nothing of this batch was loaded."
    )
