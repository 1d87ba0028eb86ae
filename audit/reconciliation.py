"""The result of a reconciliation as values, and how its differences read."""

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
    """A business day (None: rows of no day) on which source and layer do not hold the same."""

    day: date | None
    source: Decimal
    value: Decimal


@dataclass(frozen=True)
class Comparison:
    """One total of one table in one layer beside the same total in the source.

    `days`: how many days were compared, None when only the whole was; `first_days` are the first of those
    that differ.
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
        """Whether the layer holds exactly what the source held, as a whole and on every day."""
        return self.source == self.value and not self.days_different


@dataclass(frozen=True)
class Reconciliation:
    """All comparisons of one time. `vault_is_behind`: completed batches that no build has loaded yet.

    `rejected`: values of the source that BigQuery cannot hold. They count as null in every total, also in
    those of the source.
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
    """A layer does not add up to the source."""

    def __init__(self, reconciliation: Reconciliation) -> None:
        super().__init__(_difference_text(reconciliation))
        self.reconciliation = reconciliation


def _difference_text(reconciliation: Reconciliation) -> str:
    """Name table, total, layer and both values of the first differences, and the likely mend."""
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
        waiting = ", ".join(map(str, reconciliation.vault_is_behind))
        lines.append(f"Batch {waiting} is not in the vault yet: run `wwi build`.")
    else:
        lines.append(
            "Raw is the record of what came: `wwi build --full-refresh` makes the rest anew from it."
        )
    return "\n".join(lines)


def days_text(comparison: Comparison) -> str:
    """Tell on which days a total differs: `; 2 of 30 days differ: 2013-01-02 10 not 11, ...`."""
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
