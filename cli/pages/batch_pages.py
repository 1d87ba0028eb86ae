"""Print the reports of a batch, a daily load and the demo."""

from typing import TYPE_CHECKING

from cli.pages.output import print_table
from cli.pages.results import show_failing_rows
from flows.report import DailyReport
from ingestion.report import BatchReport

if TYPE_CHECKING:  # imports the local services, which a production install lacks
    from cli.demo import DemoLoad, DemoReport


def show_batch(report: BatchReport) -> None:
    """Print a batch: one line per table with changed rows, and how many were read and changed."""
    shown = [table for table in report.tables if table.rows_upserted or table.rows_deleted]
    changed = [table for table in shown if table.changed or table.rows_deleted]
    print_table(
        f"batch {report.batch_id}: {len(changed)} of {len(report.tables)} tables changed, "
        f"{report.seconds:.1f} s",
        ("table", "mode", "reason", "read", "changed", "deleted", "rejected"),
        ((t.table, t.mode, t.reason, t.rows_read, t.changed, t.rows_deleted, t.rejected) for t in shown),
    )
    if again := [table for table in shown if table.is_read_again]:
        read, differ = sum(t.rows_read for t in again), sum(t.changed for t in again)
        print(f"{read} rows were read again; {differ} of them differ from raw.")
    if report.rejected:
        print(
            f"{report.rejected} rejected values: BigQuery cannot hold them; null in raw, see rejected_values."
        )
    for change in report.schema_changes:
        print(change)


def show_daily(report: DailyReport) -> None:
    """Print the summary of a daily load."""
    print(report.title)
    rows = ((name, _tenths(seconds), outcome) for name, seconds, outcome in report.steps)
    print_table("", ("step", "seconds", "result"), rows)
    show_failing_rows(report.build.warnings)


def show_demo(report: "DemoReport") -> None:
    """Print what the demo loaded, the resulting tables, and the time per step."""
    print_table(
        "loads",
        ("days", "order lines", "changed", "deleted", "models", "tests passed", "totals compared", ""),
        (_demo_line(load) for load in report.loads),
    )
    print_table(
        "rows per layer", ("layer", "tables", "rows"), ((s.layer, s.tables, s.rows) for s in report.layers)
    )
    print_table(
        "history in the dimensions",
        ("dimension", "members", "versions"),
        ((d.name, d.members, d.versions) for d in report.dimensions),
    )
    print_table(
        "seconds per step",
        ("load", "simulate", "ingest", "build", "reconcile"),
        (
            (number, _tenths(load.simulated.seconds), *map(_tenths, load.report.seconds.values()))
            for number, load in enumerate(report.loads, start=1)
        ),
    )
    print(f"{report.order_lines} order lines in the source; the demo took {report.seconds:.0f} s.")
    print(f"Dashboard (open it in a browser): {report.dashboard}")
    print(
        "The data is kept. To use it: `wwi source up`, `wwi warehouse up`, then `wwi query`, `wwi status`, "
        "`wwi run`."
    )


def _demo_line(load: "DemoLoad") -> tuple[object, ...]:
    report, simulated = load.report, load.simulated
    return (
        f"{simulated.first_day} .. {simulated.last_day}",
        simulated.order_lines,
        sum(table.changed for table in report.batch.tables),
        sum(table.rows_deleted for table in report.batch.tables),
        report.build.models_passed,
        report.build.tests_passed,
        len(report.reconciliation.comparisons),
        "source = raw = vault = marts",
    )


def _tenths(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
