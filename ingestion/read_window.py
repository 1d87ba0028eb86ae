"""Which rows of a table a batch reads: all, or those that certain transactions wrote."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

Mode = Literal["full", "incremental"]


Days = tuple[date, date]


@dataclass(frozen=True)
class Snapshot:
    """A Postgres snapshot: ids below `xmin` have ended, ids from `xmax` on had not begun. Both are 64-bit."""

    text: str
    xmin: int
    xmax: int

    @classmethod
    def parse(cls, text: str) -> "Snapshot":
        """Read `xmin:xmax:running,...`, the form of pg_current_snapshot()."""
        xmin, xmax, _ = text.split(":")
        return cls(text, int(xmin), int(xmax))


@dataclass(frozen=True)
class Xids:
    """Transactions with 64-bit ids from `first` to before `end`, except `excluded` (low 32 bits)."""

    first: int
    end: int
    excluded: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Window:
    """What to read: all rows (`xids` is None), or the rows that these transactions wrote; and why.

    `days`: also read all rows of these business days (first and last, inclusive).
    """

    mode: Mode
    reason: str
    xids: Xids | None = None
    days: Days | None = None

    def with_days(self, days: Days | None) -> "Window":
        """Return a window that also reads the rows of these days. A window of all rows does not change."""
        if days is None or self.xids is None:
            return self
        return replace(self, days=days, reason=f"{self.reason}, and all of {days[0]} to {days[1]}")
