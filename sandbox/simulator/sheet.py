"""The live rows of one table, kept in memory between the days of a run."""

from typing import Any

import numpy as np

from metadata.spec import Table
from sandbox.simulator.columns import Array, Columns, filled


class Sheet:
    """Columns of the live rows of `table`, ordered by its one-column key, and today's changes.

    A row is live until the business has finished it. Then it is closed, written a last time at the end of the
    day, and dropped. A sheet may have only some columns; then rows cannot be appended.
    """

    def __init__(self, table: Table, columns: Columns) -> None:
        self.table = table
        self.key = table.primary_key[0]
        self._columns = columns
        self._start_day()

    def _start_day(self) -> None:
        self.first_new = len(self)
        self.touched: set[str] = set()
        self._changed = np.zeros(len(self), dtype=bool)
        self._closed = np.zeros(len(self), dtype=bool)

    def __len__(self) -> int:
        return len(self._columns[self.key])

    def __getitem__(self, column: str) -> Array:
        """Return the column's values; change them through `set` only."""
        return self._columns[column]

    def rows(self, keys: Array) -> Array:
        """Return the row numbers of keys; they must be in the sheet."""
        return np.searchsorted(self[self.key], keys)

    def holds(self, keys: Array) -> Array:
        """Return for each key whether it is in the sheet."""
        return np.isin(keys, self[self.key])

    def append(self, **values: Any) -> Array:
        """Add rows with keys above all existing ones, and return their row numbers."""
        new = filled(self.table, values)
        count = len(new[self.key])
        first = len(self)
        self._columns = {name: np.concatenate([old, new[name]]) for name, old in self._columns.items()}
        self._changed = np.concatenate([self._changed, np.zeros(count, dtype=bool)])
        self._closed = np.concatenate([self._closed, np.zeros(count, dtype=bool)])
        return np.arange(first, first + count)

    def set(self, rows: Array, **values: Any) -> None:
        """Change columns of the rows with these numbers (or where a mask is true)."""
        if not np.any(rows if rows.dtype == bool else rows.size):
            return
        for name, value in values.items():
            self._columns[name][rows] = value
        self._changed[rows] = True
        self.touched.update(values)

    def close(self, rows: Array) -> None:
        """Drop the rows at the end of this day."""
        self._closed[rows] = True

    def remove(self, rows: Array) -> Array:
        """Remove rows that were written on an earlier day, and return their keys; row numbers shift."""
        keys = self[self.key][rows]
        keep = np.ones(len(self), dtype=bool)
        keep[rows] = False
        self.first_new -= int((~keep[: self.first_new]).sum())
        self._select(keep)
        return keys

    def new_rows(self) -> Columns:
        """Return the rows that were added today."""
        return {name: values[self.first_new :] for name, values in self._columns.items()}

    def changed_rows(self) -> Columns:
        """Return key and changed columns of the older rows that were changed today."""
        changed = np.flatnonzero(self._changed[: self.first_new])
        return {name: self[name][changed] for name in [self.key, *sorted(self.touched - {self.key})]}

    def end_day(self) -> None:
        """Drop the closed rows and mark the others as written."""
        if self._closed.any():
            self._select(~self._closed)
        self._start_day()

    def _select(self, keep: Array) -> None:
        self._columns = {name: values[keep] for name, values in self._columns.items()}
        self._changed = self._changed[keep]
        self._closed = self._closed[keep]
