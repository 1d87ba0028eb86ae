"""Test that the reference pages are complete and current."""

from pathlib import Path

import pytest

from cli.reference import __main__ as reference
from cli.reference import commands, markdown


def test_the_pages_are_current() -> None:
    assert list(reference.outdated_pages(reference.FOLDER)) == [], "run `make generate`"


def test_a_stale_page_is_reported_and_rewritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main([], tmp_path) == 0
    assert reference.main(["--check"], tmp_path) == 0
    (tmp_path / "settings.md").write_text("something else")
    assert reference.main(["--check"], tmp_path) == 1
    assert "settings.md" in capsys.readouterr().out
    assert reference.main([], tmp_path) == 0
    assert reference.outdated_pages(tmp_path) == {}


def test_every_command_is_on_its_page_with_its_options() -> None:
    page = commands.page()
    for path, command in commands.commands().items():
        if not hasattr(command, "commands"):
            part = page.partition(f"# `wwi {path}`\n")[2].partition("\n#")[0]
            for option in (name for each in command.params for name in each.opts if name.startswith("--")):
                assert f"{option}`" in part or f"{option} " in part, (path, option)


def test_text_in_a_table_cell_is_escaped() -> None:
    assert markdown.table(("a",), [("one | two\nthree",)]).splitlines()[2] == "| one \\| two three |"
