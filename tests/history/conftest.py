"""Print the report of the suite, and write it as a page for `make history`."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vault.conftest import VAULT

from . import report


@pytest.fixture(scope="session")
def offline() -> Path:
    """Return the folder of the offline packages."""
    return VAULT / "offline"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the result of every scenario, and write the page WWI_HISTORY_PAGE if set."""
    outcomes = report.collect(_properties(terminalreporter))
    if not outcomes:
        return
    terminalreporter.section("history: scenario by structure")
    for line in report.lines(outcomes):
        terminalreporter.write_line(line)
    page = os.environ.get("WWI_HISTORY_PAGE")
    if page and report.OURS in outcomes and report.PLAIN in outcomes:
        Path(page).write_text(report.page(outcomes), encoding="utf-8")
        terminalreporter.write_line(f"{page} is written.")
    elif page:
        terminalreporter.write_line(
            f"{page} was not written: it compares with AutomateDV, so set WWI_DBT_PACKAGES."
        )


def _properties(terminalreporter: pytest.TerminalReporter) -> Iterator[report.Outcome]:
    for outcome in ("passed", "failed"):
        for each in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(each, "user_properties", []):
                if name == "history" and getattr(each, "when", "") == "call":
                    yield tuple(value)
