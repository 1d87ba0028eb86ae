"""The files that go first are there: a renamed one would fall back to the end, unnoticed."""

from pathlib import Path

from tests.workers import LONG, WHOLE_FOLDERS


def test_what_is_named_to_go_first_or_to_stay_whole_is_there(project_root: Path) -> None:
    assert [name for name in (*LONG, *WHOLE_FOLDERS) if not (project_root / name).exists()] == []
