"""The bytes that BigQuery would bill for a query, from what it reads and from statistics of the tables.

Columns needed x partitions that its constants leave, and 10 MB at least for each table. A table that is named
twice counts twice. The warehouse is not asked, so the same query can be judged on tables that have grown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from operations.cost.scans import Scan, Value
from warehouse.query_cost import MINIMUM_BYTES_PER_TABLE


@dataclass(frozen=True)
class Partition:
    """Rows with partitioning values from `low` to below `high`; None: without bound.

    `added`: how many of the rows a daily load brings; None where that is not known.
    """

    low: Value | None
    high: Value | None
    rows: int
    added: float | None = None


@dataclass(frozen=True)
class TableStatistics:
    """How large a table is. `widths` are bytes a row and column; `partitions` are one, when it has none.

    `numbered`: its partitions are ranges of numbers. `full`: the rows that such a range gets before the next
    begins; None where the numbers do not grow, so that all history of a number stays in its partition.
    """

    widths: Mapping[str, float]
    partitions: tuple[Partition, ...]
    partitioned_by: str | None = None
    numbered: bool = False
    full: int | None = None

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(each.rows for each in self.partitions)


@dataclass(frozen=True)
class Span:
    """How long a history is, in days: that of the measured tables, and the one to judge by."""

    measured: int
    judged: int


def grown(table: TableStatistics, span: Span) -> TableStatistics:
    """The table after as many days as are to be judged.

    Rows are as many times more as the days. Where partitions fill up one after the other, in time or by
    number, more rows are in older partitions, and each one that is there is as full as they get. Other
    partitions by number get what a daily load adds to them. So does a table without partitions, but no more
    than the days: it is made anew, so a row may tell of the last load and be old.
    """
    rows = _as_the_days(table.rows, span)
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


def _as_the_days(rows: int, span: Span) -> int:
    return max(rows, round(rows * span.judged / span.measured))


def _with_added(part: Partition, span: Span) -> int:
    """The rows with those of further daily loads; as the days, where nothing is known of these."""
    if part.added is None:
        return _as_the_days(part.rows, span)
    return part.rows + round(part.added * max(0, span.judged - span.measured))


def _older(table: TableStatistics, rows: int) -> Partition:
    """A partition before the others that no constant of the query is about: it is read only if all are."""
    lows = [each.low for each in table.partitions if each.low is not None]
    bound = min(lows) if lows else None
    return Partition(bound, bound, rows)


def read_bytes(scan: Scan, table: TableStatistics) -> int:
    """The bytes of the columns in the partitions that the scan reads."""
    width = sum(table.widths[name] for name in scan.columns)
    column = table.partitioned_by
    rows = sum(
        each.rows for each in table.partitions if column is None or scan.may_read(column, each.low, each.high)
    )
    return round(rows * width)


def billed(scans: Iterable[Scan], tables: Mapping[str, TableStatistics]) -> int:
    """The bytes billed for a query with these scans; `tables` by `dataset.table`."""
    read: dict[str, int] = {}
    for scan in scans:
        read[scan.table] = read.get(scan.table, 0) + read_bytes(scan, tables[scan.table])
    return sum(max(each, MINIMUM_BYTES_PER_TABLE) for each in read.values())
