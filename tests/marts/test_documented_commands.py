"""The questions that the documents tell people to ask, asked: each one is answered on a loaded platform."""

import re
from pathlib import Path

import pytest

from cli import main
from config.settings import PROJECT_ROOT
from tests.docs.commands import commands, pages
from tests.marts.business import Business

pytestmark = [pytest.mark.services, pytest.mark.end_to_end]

# they only read, and take seconds; the tutorial runs others, and tests/docs looks at all of them
ASKS = {
    ("status",), ("query",), ("reconcile",), ("history",), ("asof",), ("trace",), ("dashboard",),
    ("audit", "verify"), ("source", "grants"), ("source", "dsn"),
}  # fmt: skip
# what this page asks is there only when what it tells to write is written
BEFOREHAND = {"docs/how_to/add_a_mart.md"}
# the documents show another warehouse, that of the demo, whose keys and batches are not those here
HERE = {"31569": "2", "wwi_order_id = 9376": "wwi_order_id = 1", "2013-01-03": "2016-01-04"}


def questions() -> dict[tuple[str, ...], str]:
    """Each different question once, as `wwi` is told it -> where it stands."""
    found: dict[tuple[str, ...], str] = {}
    for page in (each for each in pages() if each.as_posix() not in BEFOREHAND):
        for command in commands(page.as_posix(), (PROJECT_ROOT / page).read_text(encoding="utf-8")):
            told = command.wwi or []
            if command.is_whole and {tuple(told[:1]), tuple(told[:2])} & ASKS:
                found.setdefault(tuple(_here(told)), str(command))
    return found


def _here(told: list[str]) -> list[str]:
    """The same of this warehouse; a page goes to the folder of the test, not to the home that tests share."""
    for theirs, ours in HERE.items():
        told = [word.replace(theirs, ours) for word in told]
    return told if told != ["dashboard"] else ["dashboard", "--output", "board.html"]


@pytest.mark.parametrize("told", questions(), ids=" ".join)
def test_a_question_of_the_documents_is_answered(
    told: tuple[str, ...],
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
        main([re.sub(r"\bwwi_(?=[a-z]+\.)", f"{settings.dataset_prefix}_", word) for word in told])
    printed = capsys.readouterr()
    assert not ended.value.code, f"{questions()[told]}\n{printed.err}"
    assert printed.out.strip()
