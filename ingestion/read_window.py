"""What a batch reads of a table: all rows, or those that some transactions wrote."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

Mode = Literal["full", "incremental"]


Days = tuple[date, date]


@dataclass(frozen=True)
class Snapshot:
    """A Postgres snapshot: ids below `xmin` are over, ids from `xmax` on had not begun. Both are 64 bit."""

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
    """The transactions with 64-bit ids from `first` to before `end`, less those with low 32 bits in `but`."""

    first: int
    end: int
    but: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Window:
    """What to read: everything (`xids` is None), or the rows that these transactions wrote; and why.

    `days`: with them, all rows of these business days, the first and the last included.
    """

    mode: Mode
    reason: str
    xids: Xids | None = None
    days: Days | None = None

    def with_days(self, days: Days | None) -> "Window":
        """Return a window that also takes the rows of these days; one that takes all rows is that already."""
        if days is None or self.xids is None:
            return self
        return replace(self, days=days, reason=f"{self.reason}, and all of {days[0]} to {days[1]}")
