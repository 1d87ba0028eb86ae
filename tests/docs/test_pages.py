"""Test that commands and link targets in the documents exist."""

from pathlib import Path

import pytest

from config.settings import PROJECT_ROOT
from tests.docs.commands import Command, commands, pages, problems
from tests.docs.links import broken

COMMANDS = [
    command
    for page in pages()
    for command in commands(page.as_posix(), (PROJECT_ROOT / page).read_text(encoding="utf-8"))
]


def test_every_command_of_every_page_exists_with_its_options() -> None:
    wrong = {str(command): found for command in COMMANDS if (found := problems(command))}
    assert wrong == {}
    assert len([command for command in COMMANDS if command.is_whole]) > 50
    assert len([command for command in COMMANDS if command.wwi]) > 100


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("wwi ingset", "no command wwi ingset"),
        ("wwi source simulat --days 3", "no command wwi source simulat"),
        ("wwi build --fullrefresh", "--fullrefresh"),
        ("wwi source simulate --days three", "valid integer"),
        ("wwi query", "sql"),
        ("wwi trace fct_sale 1 2", "2"),
        ("WWI_REDERS=4 wwi run", "no setting WWI_REDERS"),
        ("export WWI_PROJECT=my-project", "no setting WWI_PROJECT"),
        ("make generated", "no target generated"),
        ("make test TESTS=tests/nowhere", "no file tests/nowhere"),
        (".venv/bin/python -m tests.cleanups", "no module tests.cleanups"),
        (".venv/bin/pytest tests/nowhere", "no file tests/nowhere"),
        ("wwy run", "no program wwy"),
        ('wwi query "select 1', "No closing quotation"),
    ],
)
def test_a_command_that_does_not_exist_is_found(text: str, expected: str) -> None:
    (found,) = commands("page.md", f"Run this:\n\n```console\n$ {text}   # why\nwhat it prints\n```\n")
    assert (found.line, found.is_whole) == (4, True)
    (wrong,) = problems(found)
    assert expected.lower() in wrong.lower()


@pytest.mark.parametrize("text", ["`wwi ingset`", "`wwi build --fullrefresh`", "`make generated`"])
def test_an_unknown_command_within_a_sentence_is_found(text: str) -> None:
    (found,) = commands("page.md", f"Then run {text}, and see.")
    assert len(problems(found)) == 1


def test_commands_are_parsed_like_a_shell_does() -> None:
    block = '   ```console\n   $ wwi query \\\n       "select 1 # one"  # a comment\n   1\n   ```\n'
    (found,) = commands("page.md", block)
    assert (found.wwi, found.printed.strip()) == (["query", "select 1 # one"], "1")
    assert list(commands("page.md", "```sql\nwwi nothing\n```\n")) == []
    assert [each.text for each in commands("page.md", "```sh\n# why\nmake test\n```")] == ["make test"]
    assert Command("page.md", 1, "WWI_HOME=/tmp/x .venv/bin/wwi run").wwi == ["run"]


def test_every_link_has_an_existing_target() -> None:
    checked = [
        *pages(),
        *(path.relative_to(PROJECT_ROOT) for path in PROJECT_ROOT.glob("docs/reference/*.md")),
    ]
    assert {str(page): found for page in checked if (found := broken(PROJECT_ROOT, page))} == {}


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# What it is\n\n## Why, and how?\n")
    (tmp_path / "page.md").write_text(
        "[a](other.md) [b](other.md#why-and-how) [c](nowhere.md) [d](other.md#where) [e](https://example.com)"
        "\n\n```text\n[f](nowhere.md)\n```\n"
    )
    assert broken(tmp_path, Path("page.md")) == ["nowhere.md", "other.md#where"]
