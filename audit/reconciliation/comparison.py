"""The result of a reconciliation, and its error message."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from audit.rejected_values import RejectedValues
from config.errors import PermanentError

SHOWN_DIFFERENCES = 10


SHOWN_IN_TEXT = 3


@dataclass(frozen=True)
class DayDifference:
    """A business day (None: rows without a day) on which source and layer differ."""

    day: date | None
    source: Decimal
    value: Decimal


@dataclass(frozen=True)
class Comparison:
    """One total of one table in one layer, next to the same total in the source.

    `days`: number of days compared, None if only the overall total was; `first_days`: the first days that
    differ.
    """

    batch_id: int
    table: str
    control: str
    layer: str
    source: Decimal
    value: Decimal
    days: int | None = None
    days_different: int = 0
    first_days: tuple[DayDifference, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether layer and source are equal, as a whole and on every day."""
        return self.source == self.value and not self.days_different


@dataclass(frozen=True)
class Reconciliation:
    """The comparisons of one run. `vault_is_behind`: completed batches that no build has loaded yet.

    `rejected`: values of the source that BigQuery cannot hold. They count as null in every total, including
    the source's.
    """

    reconciled_at: datetime
    comparisons: tuple[Comparison, ...]
    vault_is_behind: tuple[int, ...] = ()
    rejected: tuple[RejectedValues, ...] = ()

    @property
    def differences(self) -> tuple[Comparison, ...]:
        """The comparisons that fail."""
        return tuple(each for each in self.comparisons if not each.is_equal)


class ReconciliationError(PermanentError):
    """The totals of a layer differ from the source."""

    def __init__(self, reconciliation: Reconciliation) -> None:
        super().__init__(_difference_text(reconciliation))
        self.reconciliation = reconciliation


def _difference_text(reconciliation: Reconciliation) -> str:
    """List table, total, layer and both values of the first differences, and suggest a fix."""
    differences = reconciliation.differences
    by_layer: dict[str, int] = defaultdict(int)
    for each in differences:
        by_layer[each.layer] += 1
    counted = ", ".join(f"{count} in {layer}" for layer, count in sorted(by_layer.items()))
    lines = [f"the layers do not add up to the source: {counted}"]
    lines += [
        f"  {each.table} {each.control}: source {plain(each.source)}, {each.layer} {plain(each.value)} "
        f"(batch {each.batch_id}){days_text(each)}"
        for each in differences[:SHOWN_DIFFERENCES]
    ]
    if len(differences) > SHOWN_DIFFERENCES:
        lines.append(f"  and {len(differences) - SHOWN_DIFFERENCES} more: `wwi reconcile`")
    if reconciliation.vault_is_behind:
        pending = ", ".join(map(str, reconciliation.vault_is_behind))
        lines.append(f"Batch {pending} is not in the vault yet: run `wwi build`.")
    else:
        lines.append("To recreate vault and marts from raw, run `wwi build --full-refresh`.")
    return "\n".join(lines)


def days_text(comparison: Comparison) -> str:
    """List the days on which a total differs: `; 2 of 30 days differ: 2013-01-02 10 instead of 11, ...`."""
    if not comparison.days_different:
        return ""
    shown = [
        f"{each.day or 'no day'} {plain(each.value)} instead of {plain(each.source)}"
        for each in comparison.first_days[:SHOWN_IN_TEXT]
    ]
    more = ["..."] if comparison.days_different > len(shown) else []
    counted = f"{comparison.days_different} of {comparison.days} days differ"
    return f"; {counted}: {', '.join([*shown, *more])}"


def plain(value: Decimal) -> str:
    """Return the number without trailing zeros and without an exponent: 30000, 1.5."""
    return f"{value.normalize():f}" if value else "0"
