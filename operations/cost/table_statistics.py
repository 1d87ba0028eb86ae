"""Measure the table statistics that the bytes billed depend on.

In tables partitioned by day, each load counts as its own partition, because the estimate assumes one load a
day. On BigQuery this reads each wanted text column once: run it when models change, not every day.
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

# https://cloud.google.com/bigquery/pricing: sizes of data types; a null counts like a value
WIDTHS: Mapping[str, float] = {
    "INT64": 8, "FLOAT64": 8, "NUMERIC": 16, "BIGNUMERIC": 32, "BOOL": 1, "DATE": 8, "TIME": 8, "DATETIME": 8,
    "TIMESTAMP": 8, "GEOGRAPHY": 16,
}  # fmt: skip
HASH_WIDTH = 2 + 16
PREFIX = 2  # additional bytes of a STRING or BYTES value
LAYERS: tuple[Layer, ...] = ("raw", "staging", "raw_vault", "business_vault", "marts", "audit")
PARALLEL = 4

Types = dict[str, dict[str, str]]


@dataclass(frozen=True)
class History:
    """The history in the warehouse: business days in total and after the first load, and its load time."""

    days: int
    later_days: int
    first_load: datetime


def history(client: bigquery.Client, settings: Settings, opened: str) -> History:
    """Return the history since the day `opened`. Raises PermanentError if nothing is loaded."""
    days = f"max(date_diff(date(applied_dts), date '{opened}', day)) + 1"
    rows = query(
        client,
        "select min(load_dts) as first_load, "
        f"{days} as days, {days} - {days.replace('max', 'min', 1)} as later_days "
        f"from `{settings.project}.{settings.dataset('audit')}.batches` where status = 'completed'",
        timeout_s=settings.query_timeout_s,
    )
    if rows[0]["first_load"] is None:
        raise PermanentError("cannot estimate a daily load: nothing is loaded yet. Run `wwi run` first.")
    return History(max(1, rows[0]["days"]), rows[0]["later_days"], rows[0]["first_load"])


def column_types(client: bigquery.Client, settings: Settings) -> Types:
    """Return {column: BigQuery type} of every table and view, by `dataset.table`."""
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


def measure(  # noqa: PLR0913 - the tables to measure and their context
    client: bigquery.Client,
    settings: Settings,
    wanted: Mapping[str, Collection[str]],
    types: Types,
    dbt_tables: Mapping[str, Partitioning | None],
    *,
    known: History,
) -> dict[str, TableStatistics]:
    """Return the statistics of the wanted columns, both by `dataset.table`.

    `dbt_tables`: partitioning of the tables that dbt builds; that of others is read from the warehouse.

    Raises TransientError if the warehouse cannot be reached.
    """

    def statistics_of(name: str) -> TableStatistics:
        table_id = f"{settings.project}.{name}"
        by = dbt_tables[name] if name in dbt_tables else partitioning(client, table_id)
        columns = {column: types[name][column] for column in sorted(wanted[name])}
        loads = known if "load_dts" in types[name] else None
        rows = query(client, _size_sql(table_id, columns, by, loads), timeout_s=settings.query_timeout_s)
        return _statistics(rows, columns, by, loads.later_days if loads else 0)

    with ThreadPoolExecutor(PARALLEL) as pool:
        return dict(zip(wanted, pool.map(statistics_of, wanted), strict=True))


def _varying(types: Mapping[str, str]) -> list[str]:
    """Return the columns with a width that depends on the value."""
    return [column for column, kind in types.items() if _width(column, kind) is None]


def _size_sql(table_id: str, types: Mapping[str, str], by: Partitioning | None, known: History | None) -> str:
    """Return the query for rows and sizes of each partition."""
    sizes = [f"sum({_length(c, types[c])}) as size_{number}" for number, c in enumerate(_varying(types))]
    column = naming.quoted(by.column) if by else ""
    group = "0" if by is None else f"div({column}, {by.step})" if by.step else column
    additions = _added_by_loads(by, known) if known else ()
    return f"""
        select {", ".join([f"{group} as part", "count(*) as n", *additions, *sizes])}
        from `{table_id}`
        group by part
        order by part
    """


def _statistics(
    rows: Sequence[Row], types: Mapping[str, str], by: Partitioning | None, later_days: int
) -> TableStatistics:
    """Convert the result of `_size_sql`."""
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


def _added_by_loads(by: Partitioning | None, known: History) -> tuple[str, ...]:
    """Return the aggregates for rows added after the first load, and for growing partition numbers."""
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
    """Return the rows of a full range partition, if its numbers grow; see TableStatistics."""
    if by is None or by.step is None:
        return None
    last, first = (max((row[name] or 0 for row in rows), default=0) for name in ("last_id", "first_last_id"))
    ids = sum(row["ids"] for row in rows)
    return ceil(by.step * sum(row["n"] for row in rows) / ids) if last > first else None


def _bounds(part: Any, by: Partitioning | None) -> tuple[Value | None, Value | None]:
    """Return the bounds of a partition; unbounded for NULL and for a table without partitions."""
    if by is None or part is None:
        return None, None
    if by.step:
        return int(part) * by.step, (int(part) + 1) * by.step
    return part, part + timedelta(microseconds=1)


def _width(column: str, kind: str) -> float | None:
    """Return the bytes of a value; None if they depend on the value."""
    return HASH_WIDTH if column.endswith(("_hk", "hashdiff")) else WIDTHS.get(kind)


def _length(name: str, kind: str) -> str:
    column = naming.quoted(name)
    return (
        f"byte_length({column})" if kind in ("STRING", "BYTES") else f"byte_length(to_json_string({column}))"
    )
