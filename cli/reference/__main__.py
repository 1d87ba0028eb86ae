"""Write the reference pages of docs/, or check that they are current.

python -m cli.reference            write the pages that changed
python -m cli.reference --check    write nothing; exit 1 and list the pages that are out of date
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from cli.reference import commands, ledger, metadata, settings
from config.settings import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "docs" / "reference"
PAGES = {
    "settings.md": settings.page,
    "commands.md": commands.page,
    "metadata.md": metadata.page,
    "ledger.md": ledger.page,
}


def outdated_pages(folder: Path) -> dict[str, str]:
    """Return name -> new text of every page that is missing or out of date."""
    wanted = {name: make() for name, make in PAGES.items()}
    return {
        name: text
        for name, text in wanted.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    }


def main(arguments: Sequence[str], folder: Path = FOLDER) -> int:
    """Write or check the pages of the folder; return the exit code."""
    outdated = outdated_pages(folder)
    if "--check" in arguments:
        if outdated:
            print("Reference pages are out of date. Run `make generate`:", *outdated, sep="\n  ")
        return 1 if outdated else 0
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in outdated.items():
        (folder / name).write_text(text, encoding="utf-8")
    print(f"{len(PAGES)} reference pages, {len(outdated)} changed", *outdated, sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
