"""Estimate the bytes that BigQuery bills for a query, from its scans and from table statistics.

Bytes = columns read x partitions left after pruning, with a minimum of 10 MB per table. A table that the
query names twice counts twice. No query runs, so the estimate also works for tables of a future size.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from operations.cost.scans import Scan, Value
from warehouse.query_cost import MINIMUM_BYTES_PER_TABLE


@dataclass(frozen=True)
class Partition:
    """Rows with partitioning values in [low, high); None: unbounded.

    `added`: rows that a daily load adds; None if unknown.
    """

    low: Value | None
    high: Value | None
    rows: int
    added: float | None = None


@dataclass(frozen=True)
class TableStatistics:
    """The size of a table. `widths`: bytes per row of each column; `partitions`: one if not partitioned.

    `numbered`: it is partitioned by integer range. `full`: rows of a full range; None if the numbers do not
    grow, so that all history of a number stays in its partition.
    """

    widths: Mapping[str, float]
    partitions: tuple[Partition, ...]
    partitioned_by: str | None = None
    numbered: bool = False
    full: int | None = None

    @property
    def rows(self) -> int:
        """The number of rows."""
        return sum(each.rows for each in self.partitions)


@dataclass(frozen=True)
class Span:
    """The length of the history in days: in the measured tables, and in the estimate."""

    measured: int
    estimated: int


def extrapolate(table: TableStatistics, span: Span) -> TableStatistics:
    """Extrapolate the table to the estimated number of days.

    Rows grow in proportion to the days. If partitions fill up one after the other (by time or by growing
    numbers), the additional rows are in older partitions, and existing partitions become full. In other
    range partitions, each grows by its daily additions. So does a table without partitions, but at most in
    proportion to the days: it is recreated, so a row of the last load may be old.
    """
    rows = _in_proportion(table.rows, span)
    if table.partitioned_by is None or (table.numbered and table.full is None):
        parts = tuple(replace(p, rows=_with_added(p, span)) for p in table.partitions)
        if not table.numbered:
            parts = tuple(replace(p, rows=min(p.rows, rows)) for p in parts)
        return replace(table, partitions=parts)
    if not table.numbered:
        return replace(table, partitions=(_older(table, rows - table.rows), *table.partitions))
    filled = [replace(p, rows=max(p.rows, min(table.full or 0, rows))) for p in table.partitions]
    older = max(0, rows - sum(each.rows for each in filled))
    return replace(table, partitions=(_older(table, older), *filled))


def _in_proportion(rows: int, span: Span) -> int:
    return max(rows, round(rows * span.estimated / span.measured))


def _with_added(part: Partition, span: Span) -> int:
    """Add the rows of further daily loads; if these are unknown, grow in proportion to the days."""
    if part.added is None:
        return _in_proportion(part.rows, span)
    return part.rows + round(part.added * max(0, span.estimated - span.measured))


def _older(table: TableStatistics, rows: int) -> Partition:
    """Return a partition before all others: no constant selects it, so it is read only without pruning."""
    lows = [each.low for each in table.partitions if each.low is not None]
    bound = min(lows) if lows else None
    return Partition(bound, bound, rows)


def read_bytes(scan: Scan, table: TableStatistics) -> int:
    """Return the bytes of the columns in the partitions that the scan reads."""
    width = sum(table.widths[name] for name in scan.columns)
    column = table.partitioned_by
    rows = sum(
        each.rows for each in table.partitions if column is None or scan.may_read(column, each.low, each.high)
    )
    return round(rows * width)


def billed(scans: Iterable[Scan], tables: Mapping[str, TableStatistics]) -> int:
    """Return the bytes billed for a query with these scans; `tables` by `dataset.table`."""
    read: dict[str, int] = {}
    for scan in scans:
        read[scan.table] = read.get(scan.table, 0) + read_bytes(scan, tables[scan.table])
    return sum(max(each, MINIMUM_BYTES_PER_TABLE) for each in read.values())
