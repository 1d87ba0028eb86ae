"""Run the read-only commands of the documentation: each one succeeds on a loaded platform."""

import re
from pathlib import Path

import pytest

from cli import main
from config.settings import PROJECT_ROOT
from tests.docs.commands import commands, pages
from tests.marts.business import Business

pytestmark = [pytest.mark.services, pytest.mark.end_to_end, pytest.mark.proof]

# read-only commands that take seconds; the tutorial runs others, and tests/docs checks all of them
ASKS = {
    ("status",), ("query",), ("reconcile",), ("history",), ("asof",), ("trace",), ("dashboard",),
    ("audit", "verify"), ("source", "grants"), ("source", "dsn"),
}  # fmt: skip
# the commands of this page need a mart that its reader creates first
BEFOREHAND = {"docs/how_to/add_a_mart.md"}
# the documentation shows the demo's warehouse, which has other keys and batches
HERE = {"31569": "2", "wwi_order_id = 9376": "wwi_order_id = 1", "2013-01-03": "2016-01-04"}


def documented_commands() -> dict[tuple[str, ...], str]:
    """Return each different command once: {arguments of `wwi`: its place in the documentation}."""
    found: dict[tuple[str, ...], str] = {}
    for page in (each for each in pages() if each.as_posix() not in BEFOREHAND):
        for command in commands(page.as_posix(), (PROJECT_ROOT / page).read_text(encoding="utf-8")):
            arguments = command.wwi or []
            if command.is_whole and {tuple(arguments[:1]), tuple(arguments[:2])} & ASKS:
                found.setdefault(tuple(_here(arguments)), str(command))
    return found


def _here(arguments: list[str]) -> list[str]:
    """Replace keys and batches by those of this warehouse, and write a page to the test's folder."""
    for theirs, ours in HERE.items():
        arguments = [word.replace(theirs, ours) for word in arguments]
    return arguments if arguments != ["dashboard"] else ["dashboard", "--output", "board.html"]


@pytest.mark.parametrize("arguments", documented_commands(), ids=" ".join)
def test_a_documented_command_succeeds(
    arguments: tuple[str, ...],
    business: Business,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = business.settings
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WWI_HOME", str(settings.home))
    monkeypatch.setenv("WWI_SOURCE_DSN", business.dsn)
    monkeypatch.setenv("WWI_DATASET_PREFIX", settings.dataset_prefix)
    with pytest.raises(SystemExit) as ended:
        main([re.sub(r"\bwwi_(?=[a-z]+\.)", f"{settings.dataset_prefix}_", word) for word in arguments])
    printed = capsys.readouterr()
    assert not ended.value.code, f"{documented_commands()[arguments]}\n{printed.err}"
    assert printed.out.strip()
