"""Statistics of tables, as far as the bytes of a query depend on them, measured in the warehouse.

Each load counts as a partition of its own where days are partitions, for a load a day is what is judged.
On BigQuery this reads each text column that is asked for, once: run it when the models change, not every day.
"""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from google.cloud import bigquery

from config.errors import PermanentError
from config.settings import Layer, Settings
from metadata import naming
from operations.cost.bytes_billed import Partition, TableStatistics
from operations.cost.scans import Value
from warehouse.queries import Row, query
from warehouse.tables import Partitioning, partitioning

# https://cloud.google.com/bigquery/pricing: sizes of data types; a null is counted as if it had a value
WIDTHS: Mapping[str, float] = {
    "INT64": 8, "FLOAT64": 8, "NUMERIC": 16, "BIGNUMERIC": 32, "BOOL": 1, "DATE": 8, "TIME": 8, "DATETIME": 8,
    "TIMESTAMP": 8, "GEOGRAPHY": 16,
}  # fmt: skip
HASH_WIDTH = 2 + 16
PREFIX = 2  # bytes that a text or bytes value takes besides its own
LAYERS: tuple[Layer, ...] = ("raw", "staging", "raw_vault", "business_vault", "marts", "audit")
PARALLEL = 4

Types = dict[str, dict[str, str]]


@dataclass(frozen=True)
class History:
    """The loads that the warehouse holds: days of business in all and after the first load, and its time."""

    days: int
    later_days: int
    first_load: datetime


def history(client: bigquery.Client, settings: Settings, opened: str) -> History:
    """Return the history since the day `opened`. Raises PermanentError when nothing is loaded."""
    days = f"max(date_diff(date(applied_dts), date '{opened}', day)) + 1"
    rows = query(
        client,
        "select min(load_dts) as first_load, "
        f"{days} as days, {days} - {days.replace('max', 'min', 1)} as later_days "
        f"from `{settings.project}.{settings.dataset('audit')}.batches` where status = 'completed'",
        timeout_s=settings.query_timeout_s,
    )
    if rows[0]["first_load"] is None:
        raise PermanentError("nothing is loaded yet, so no daily load can be judged. Run `wwi run` first.")
    return History(max(1, rows[0]["days"]), rows[0]["later_days"], rows[0]["first_load"])


def column_types(client: bigquery.Client, settings: Settings) -> Types:
    """Return column -> BigQuery type of every table and view, by `dataset.table`."""
    found: Types = {}
    for layer in LAYERS:
        dataset = settings.dataset(layer)
        sql = (
            "select table_name, column_name, data_type "
            f"from `{settings.project}.{dataset}`.INFORMATION_SCHEMA.COLUMNS"
        )
        for row in query(client, sql, timeout_s=settings.query_timeout_s):
            kind = row["data_type"].partition("(")[0].upper()
            found.setdefault(f"{dataset}.{row['table_name']}", {})[row["column_name"]] = kind
    return found


def measure(  # noqa: PLR0913 - what to ask whom, and what is known of it
    client: bigquery.Client,
    settings: Settings,
    wanted: Mapping[str, Collection[str]],
    types: Types,
    made: Mapping[str, Partitioning | None],
    *,
    known: History,
) -> dict[str, TableStatistics]:
    """Return the statistics of the wanted columns, both by `dataset.table`.

    `made` says how the tables that dbt makes are partitioned; the others are asked for it.

    Raises TransientError when the warehouse cannot be reached.
    """

    def of(name: str) -> TableStatistics:
        table_id = f"{settings.project}.{name}"
        by = made[name] if name in made else partitioning(client, table_id)
        columns = {column: types[name][column] for column in sorted(wanted[name])}
        loads = known if "load_dts" in types[name] else None
        rows = query(client, _question(table_id, columns, by, loads), timeout_s=settings.query_timeout_s)
        return _statistics(rows, columns, by, loads.later_days if loads else 0)

    with ThreadPoolExecutor(PARALLEL) as pool:
        return dict(zip(wanted, pool.map(of, wanted), strict=True))


def _varying(types: Mapping[str, str]) -> list[str]:
    """The columns whose width depends on the value."""
    return [column for column, kind in types.items() if _width(column, kind) is None]


def _question(table_id: str, types: Mapping[str, str], by: Partitioning | None, known: History | None) -> str:
    """The query for rows and sizes of each partition."""
    sizes = [f"sum({_length(c, types[c])}) as size_{number}" for number, c in enumerate(_varying(types))]
    column = naming.quoted(by.column) if by else ""
    group = "0" if by is None else f"div({column}, {by.step})" if by.step else column
    told = _of_loads(by, known) if known else ()
    return f"""
        select {", ".join([f"{group} as part", "count(*) as n", *told, *sizes])}
        from `{table_id}`
        group by part
        order by part
    """


def _statistics(
    rows: Sequence[Row], types: Mapping[str, str], by: Partitioning | None, later_days: int
) -> TableStatistics:
    """What the answer to `_question` says."""
    count = sum(row["n"] for row in rows)
    widths = {column: _width(column, kind) or 0.0 for column, kind in types.items()}
    for number, column in enumerate(_varying(types)):
        widths[column] = PREFIX + sum(row[f"size_{number}"] or 0 for row in rows) / max(count, 1)
    parts = tuple(
        Partition(*_bounds(row["part"], by), row["n"], row["added"] / later_days if later_days else None)
        for row in rows
    )
    numbered = by is not None and by.step is not None
    return TableStatistics(widths, parts, by.column if by else None, numbered, _full(rows, by))


def _of_loads(by: Partitioning | None, known: History) -> tuple[str, ...]:
    """What tells how many rows came after the first load, and whether the numbers of a table grow by it."""
    later = f"load_dts > timestamp '{known.first_load.isoformat()}'"
    added = f"countif({later}) as added"
    if by is None or by.step is None:
        return (added,)
    column = naming.quoted(by.column)
    return (
        added,
        f"count(distinct {column}) as ids",
        f"max({column}) as last_id",
        f"max(if({later}, null, {column})) as first_last_id",
    )


def _full(rows: Sequence[Row], by: Partitioning | None) -> int | None:
    """The rows of a full partition by a number that grew after the first load; see TableStatistics."""
    if by is None or by.step is None:
        return None
    last, first = (max((row[name] or 0 for row in rows), default=0) for name in ("last_id", "first_last_id"))
    ids = sum(row["ids"] for row in rows)
    return ceil(by.step * sum(row["n"] for row in rows) / ids) if last > first else None


def _bounds(part: Any, by: Partitioning | None) -> tuple[Value | None, Value | None]:
    """From where to where a partition goes; the one of NULL, and that of a table without any, everywhere."""
    if by is None or part is None:
        return None, None
    if by.step:
        return int(part) * by.step, (int(part) + 1) * by.step
    return part, part + timedelta(microseconds=1)


def _width(column: str, kind: str) -> float | None:
    """Bytes of a value; None where they depend on the value."""
    return HASH_WIDTH if column.endswith(("_hk", "hashdiff")) else WIDTHS.get(kind)


def _length(name: str, kind: str) -> str:
    column = naming.quoted(name)
    return (
        f"byte_length({column})" if kind in ("STRING", "BYTES") else f"byte_length(to_json_string({column}))"
    )
