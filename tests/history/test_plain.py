"""Run the scenarios with AutomateDV's structures and default settings, and measure the losses.

Requires the original packages: WWI_DBT_PACKAGES is the folder with automate_dv/ and dbt_utils/. Losses do not
fail the test; it tests that the checks find them.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from config.settings import Settings

from . import checks, report
from . import scenarios as s
from .history import plain_project, run_loads, warehouse

ORIGINALS = os.environ.get("WWI_DBT_PACKAGES")

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(
        not ORIGINALS,
        reason="not compared: set WWI_DBT_PACKAGES to the folder with automate_dv/ and dbt_utils/",
    ),
]

# scenarios that every vault keeps, and that default hashing loses
KEPT = ("one state", "A-B-A, a load each", "text moves to the next column")
LOST = ("case only", "'' to NULL and back", "an old load replayed", "a late load within A-A")


@pytest.fixture(scope="module")
def readers(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, checks.Reader]:
    """Return a reader of the vault for each stage."""
    folder = tmp_path_factory.mktemp("plain")
    sandbox = warehouse(settings, plain_project(folder, Path(ORIGINALS or "")), folder)
    vaults = run_loads(sandbox, s.read(), whole_groups=True, marks_loads=False)
    return {stage: checks.Plain(vault) for stage, vault in vaults.items()}


def test_the_checks_distinguish_kept_and_lost_states(
    readers: Mapping[str, checks.Reader], record_property: Callable[[str, object], None]
) -> None:
    satellites = {}
    for scenario in s.read():
        for structure in scenario.structures:
            lost = checks.losses(scenario, structure, readers[scenario.stage], scenario.stage)
            record_property("history", (report.PLAIN, scenario.name, structure, lost))
            if structure == s.SATELLITE:
                satellites[scenario.name] = lost
    assert [name for name in KEPT if satellites[name]] == []
    assert [name for name in LOST if not satellites[name]] == []
