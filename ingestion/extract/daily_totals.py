"""Stage the control totals by day: totals of each business day of a source table in a batch's snapshot.

A table can change on any day, so all days of a changed table are computed again, in one statement. They are
loaded into an append-only ledger table as one Parquet file per batch, because they are too many for an
insert. For an unchanged table, the last computed totals stay valid.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.source.postgres import DayTotals
from warehouse.parquet import join_files

FILE = "daily_totals.parquet"
SCHEMA = pa.schema(
    [
        ("batch_id", pa.int64()),
        ("load_dts", pa.timestamp("us", tz="UTC")),
        ("table_name", pa.string()),
        ("day", pa.date32()),
        ("control", pa.string()),
        ("value", pa.decimal128(38, 9)),
    ]
)


def write(path: Path, table: str, totals: Sequence[DayTotals], batch_id: int, load_dts: datetime) -> None:
    """Write the totals of one table, one row per day and control."""
    flat = [(each.day, name, value) for each in totals for name, value in each.values.items()]
    count = len(flat)
    columns = [
        pa.array([batch_id] * count, pa.int64()),
        pa.array([load_dts] * count, pa.timestamp("us", tz="UTC")),
        pa.array([table] * count, pa.string()),
        pa.array([date.fromisoformat(day) if day else None for day, _, _ in flat], pa.date32()),
        pa.array([name for _, name, _ in flat], pa.string()),
        pa.array([_scaled(value) for _, _, value in flat], pa.decimal128(38, 9)),
    ]
    pq.write_table(pa.Table.from_arrays(columns, schema=SCHEMA), path, compression="zstd")


def join(folder: Path, files: Sequence[str]) -> tuple[Path, int] | None:
    """Join the files of all tables; return the joined file and its number of rows, or None."""
    return join_files(folder, files, SCHEMA, FILE)


def _scaled(value: Decimal) -> Decimal:
    """Round the value to the scale of NUMERIC, as a cast in BigQuery does."""
    return value.quantize(Decimal("1e-9"))
