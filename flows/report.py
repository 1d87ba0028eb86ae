"""Reports of flow runs, as values to print and as Markdown for Prefect artifacts."""

from collections.abc import Mapping
from dataclasses import dataclass

from audit.reconciliation.comparison import Reconciliation, days_text
from ingestion.report import BatchReport
from operations.rebuild import RebuildReport
from transform.build_report import BuildReport


@dataclass(frozen=True)
class DailyReport:
    """The reports of the three steps, and the duration of each in seconds."""

    batch: BatchReport
    build: BuildReport
    reconciliation: Reconciliation
    seconds: Mapping[str, float]

    @property
    def title(self) -> str:
        """One line: the batch, and whether all totals agree."""
        wrong = len(self.reconciliation.differences)
        verdict = f"{wrong} totals differ" if wrong else "source = raw = vault = marts"
        return f"daily load, batch {self.batch.batch_id}: {verdict}"

    @property
    def steps(self) -> tuple[tuple[str, float, str], ...]:
        """Name, seconds and result of each step."""
        changed = sum(table.changed for table in self.batch.tables)
        again = sum(table.rows_read for table in self.batch.tables if table.is_read_again)
        reasons = ", ".join(sorted({table.reason for table in self.batch.tables if table.is_read_again}))
        read = f", {again} rows read again ({reasons})" if again else ""
        deleted = sum(table.rows_deleted for table in self.batch.tables)
        rejected = f", {self.batch.rejected} values rejected" if self.batch.rejected else ""
        build, compared = self.build, len(self.reconciliation.comparisons)
        return (
            (
                "ingest",
                self.seconds["ingest"],
                f"{len(self.batch.tables)} tables{read}, {changed} rows changed, {deleted} deleted{rejected}",
            ),
            (
                "build",
                self.seconds["build"],
                build.outcome,
            ),
            (
                "reconcile",
                self.seconds["reconcile"],
                f"{compared} totals compared, {len(self.reconciliation.differences)} differ",
            ),
        )

    def as_markdown(self) -> str:
        """Return the steps, the time per layer and all differences as Markdown tables."""
        parts = [
            f"# {self.title}",
            _table(("step", "seconds", "result"), [(n, f"{s:.1f}", text) for n, s, text in self.steps]),
            _table(("layer", "node seconds"), [
                (layer, f"{seconds:.1f}") for layer, seconds in self.build.layer_seconds.items()
            ]),
        ]  # fmt: skip
        if self.reconciliation.differences:
            columns = ("table", "total", "source", "layer", "value")
            parts.append(_table(columns, [
                (each.table, each.control, str(each.source), each.layer, f"{each.value}{days_text(each)}")
                for each in self.reconciliation.differences
            ]))  # fmt: skip
        if self.build.warnings:
            parts.append("## Data quality\n\nFirst rows that failed a test; correct them in the source.")
            parts.append(_table(("table", "key", "column", "value", "expected", "total rows"), [
                tuple(map(_cell, (e.table, e.key, e.column, e.value, e.expected, e.rows)))
                for e in self.build.warnings
            ]))  # fmt: skip
        return "\n\n".join(parts)


def unchanged_markdown(batch: BatchReport, seconds: float) -> tuple[str, str]:
    """Return title and Markdown of a load without changes."""
    title = f"load, batch {batch.batch_id}: nothing changed, nothing built"
    row = ("ingest", f"{seconds:.1f}", f"{len(batch.tables)} tables, {batch.rows_loaded} rows")
    return title, f"# {title}\n\n{_table(('step', 'seconds', 'result'), [row])}"


def rebuild_markdown(report: RebuildReport) -> tuple[str, str]:
    """Return title and Markdown of a rebuild: its steps, and every table that differs."""
    different = len(report.different)
    verdict = "all equal" if not different else f"{different} differ"
    swapped = "swapped" if report.swapped else "the live tables were not changed"
    title = f"rebuild {report.rebuild_id}: {len(report.tables)} tables compared, {verdict}, {swapped}"
    parts = [
        f"# {title}",
        _table(("step", "seconds"), [(step, f"{each:.1f}") for step, each in report.seconds.items()]),
    ]
    if different:
        rows: list[tuple[str, ...]] = [
            (each.layer, each.table, each.difference or "") for each in report.different
        ]
        parts.append(_table(("layer", "table", "difference"), rows))
    return title, "\n\n".join(parts)


def _cell(value: object) -> str:
    """Return a value as a cell of a Markdown table."""
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
