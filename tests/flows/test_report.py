"""Titles and Markdown of the reports of runs."""

from datetime import UTC, datetime

from audit.verification.content import Content, TableComparison
from flows.report import rebuild_markdown, unchanged_markdown
from ingestion.report import BatchReport
from operations.rebuild import RebuildReport

EQUAL = TableComparison("marts", "dim_city", Content(3, 7), Content(3, 7))
LOST = TableComparison("raw_vault", "hub_city", Content(2, 5), Content(3, 7), "live has 1 rows too few")


def rebuilt(*tables: TableComparison, swapped: bool) -> RebuildReport:
    return RebuildReport(2, 3, tables, swapped=swapped, finished=False, side=None, seconds={"build": 4.5})


def test_a_rebuild_report_has_the_differences_and_the_live_tables() -> None:
    title, markdown = rebuild_markdown(rebuilt(EQUAL, LOST, swapped=False))
    assert title == "rebuild 2: 2 tables compared, 1 differ, the live tables were not changed"
    assert "| build | 4.5 |" in markdown
    assert "| raw_vault | hub_city | live has 1 rows too few |" in markdown
    assert "dim_city" not in markdown
    title, markdown = rebuild_markdown(rebuilt(EQUAL, swapped=True))
    assert title == "rebuild 2: 1 tables compared, all equal, swapped"
    assert "difference" not in markdown


def test_the_report_of_a_load_without_changes() -> None:
    now = datetime(2013, 1, 2, tzinfo=UTC)
    batch = BatchReport(
        batch_id=7, load_dts=now, applied_dts=now, source_system="one/1/wwi", tables=(), seconds=1.0
    )
    title, markdown = unchanged_markdown(batch, 1.25)
    assert title == "load, batch 7: nothing changed, nothing built"
    assert "| ingest | 1.2 | 0 tables, 0 rows |" in markdown
