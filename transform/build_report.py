"""The report of a build: counts, failed nodes, seconds by layer; and the errors that contain it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from config.errors import PermanentError, TransientError
from transform.dbt_invocation import LOST_CONNECTION
from transform.dbt_messages import shorten
from transform.selection import SelectionKind
from warehouse.ledger.test_failures import FailingRow

SHOWN_FAILURES = 5


SHOWN_ROWS = 3


@dataclass(frozen=True)
class NodeFailure:
    """A failed node: its kind (model, test, operation ...), its name, and the error message."""

    kind: str
    name: str
    message: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.message}"


@dataclass(frozen=True)
class BuildReport:
    """The result of one dbt invocation. Counts are nodes; `layer_seconds` is the sum over a layer's nodes.

    `scope`: the selected part of the project, see transform/selection.py. `warnings`: the first rows of each
    data test that warned.
    """

    seconds: float
    models_passed: int = 0
    tests_passed: int = 0
    warned: int = 0
    skipped: int = 0
    failures: tuple[NodeFailure, ...] = ()
    layer_seconds: Mapping[str, float] = field(default_factory=dict)
    scope: SelectionKind = "all"
    warnings: tuple[FailingRow, ...] = ()

    @property
    def outcome(self) -> str:
        """Return the counts as text."""
        counts = f"{self.models_passed} models, {self.tests_passed} tests passed, {self.warned} warned"
        return f"{counts} (incremental selection)" if self.scope == "touched" else counts


class BuildFailedError(PermanentError):
    """Nodes failed for a reason that a retry does not change: a failed test, a rejected statement."""

    def __init__(self, report: BuildReport) -> None:
        super().__init__(_failure_text(report))
        self.report = report


class BuildInterruptedError(TransientError):
    """Nodes failed because the warehouse could not be reached; a retry can succeed."""

    def __init__(self, report: BuildReport) -> None:
        super().__init__(_failure_text(report))
        self.report = report


def raise_if_failed(report: BuildReport) -> None:
    """Raise BuildFailedError if a node failed, or BuildInterruptedError if the connection was lost."""
    if report.failures:
        lost = all(LOST_CONNECTION.search(failure.message) for failure in report.failures)
        raise BuildInterruptedError(report) if lost else BuildFailedError(report)


def summarise(results: Sequence[Any], seconds: float, failing: Sequence[FailingRow] = ()) -> BuildReport:
    """Turn dbt's node results into a report.

    `seconds`: of the whole invocation. `failing`: the rows that failed data tests.
    """
    counts: Counter[str] = Counter()
    layers: dict[str, float] = defaultdict(float)
    failures = []
    for result in results:
        node, status = result.node, str(result.status)
        is_test = node.resource_type in ("test", "unit_test")
        layers["tests" if is_test else _layer(node)] += result.execution_time
        if status in ("error", "fail", "runtime error"):
            message = shorten(result.message or status) + _first_rows(node.name, failing)
            failures.append(NodeFailure(str(node.resource_type), node.name, message))
        elif status in ("pass", "success"):
            counts["tests" if is_test else "models" if node.resource_type == "model" else "others"] += 1
        else:
            counts[status] += 1
    return BuildReport(
        seconds=seconds,
        models_passed=counts["models"],
        tests_passed=counts["tests"],
        warned=counts["warn"],
        skipped=counts["skipped"],
        failures=tuple(failures),
        layer_seconds=dict(layers),
        warnings=tuple(row for row in failing if row.status == "warn"),
    )


def _first_rows(test: str, failing: Sequence[FailingRow]) -> str:
    """Return the first rows that failed a test, as the end of its message."""
    rows = [str(row) for row in failing if row.test == test]
    more = "; ..." if len(rows) > SHOWN_ROWS else ""
    return f". {'; '.join(rows[:SHOWN_ROWS])}{more}" if rows else ""


def _layer(node: Any) -> str:
    """Return the folder of a model below models/; for other nodes their kind."""
    is_model = node.resource_type == "model" and len(node.fqn) > 1
    return str(node.fqn[1] if is_model else node.resource_type)


def _failure_text(report: BuildReport) -> str:
    count = len(report.failures)
    skipped = f", {report.skipped} dependent nodes skipped" if report.skipped else ""
    lines = [f"dbt: {count} node{'s' if count > 1 else ''} failed{skipped}"]
    lines += [f"  {failure}" for failure in report.failures[:SHOWN_FAILURES]]
    if count > SHOWN_FAILURES:
        lines.append(f"  and {count - SHOWN_FAILURES} more")
    return "\n".join([*lines, "Fix the cause and run again; models that were already built are kept."])
