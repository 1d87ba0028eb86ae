"""The same scenarios through AutomateDV's own structures and default settings: what they lose, measured.

Runs where the originals are at hand: WWI_DBT_PACKAGES names the folder with automate_dv/ and dbt_utils/. The
losses are no failures here; that the judge finds any is what is tested.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from config.settings import Settings

from . import judge, report
from . import scenarios as s
from .history import arrive, plain_project, warehouse

ORIGINALS = os.environ.get("WWI_DBT_PACKAGES")

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(
        not ORIGINALS,
        reason="not compared: set WWI_DBT_PACKAGES to the folder with automate_dv/ and dbt_utils/",
    ),
]

# what every vault must keep, and what hashing as it comes cannot
KEPT = ("one state", "A-B-A, a load each", "text moves to the next column")
LOST = ("case only", "'' to NULL and back", "an old load replayed", "a late load within A-A")


@pytest.fixture(scope="module")
def readers(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, judge.Reader]:
    """What the vault says at each moment."""
    folder = tmp_path_factory.mktemp("plain")
    sandbox = warehouse(settings, plain_project(folder, Path(ORIGINALS or "")), folder)
    vaults = arrive(sandbox, s.read(), whole_groups=True, marks_itself=False)
    return {moment: judge.Plain(vault) for moment, vault in vaults.items()}


def test_the_judge_tells_what_is_kept_and_what_is_lost(
    readers: Mapping[str, judge.Reader], record_property: Callable[[str, object], None]
) -> None:
    satellites = {}
    for scenario in s.read():
        for structure in scenario.structures:
            lost = judge.losses(scenario, structure, readers[scenario.when], scenario.when)
            record_property("history", (report.PLAIN, scenario.name, structure, lost))
            if structure == s.SATELLITE:
                satellites[scenario.name] = lost
    assert [name for name in KEPT if satellites[name]] == []
    assert [name for name in LOST if not satellites[name]] == []
