"""Writes the reference pages of docs/, or checks that they are current.

python -m cli.reference            write what differs
python -m cli.reference --check    write nothing; exit 1 and name every page that differs
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


def stale(folder: Path) -> dict[str, str]:
    """Return name -> text of every page that is not there or says something else."""
    wanted = {name: make() for name, make in PAGES.items()}
    return {
        name: text
        for name, text in wanted.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    }


def main(arguments: Sequence[str], folder: Path = FOLDER) -> int:
    """Write or check the pages of the folder; return the exit code."""
    differing = stale(folder)
    if "--check" in arguments:
        if differing:
            print("Reference pages are not current; run `make generate`:", *differing, sep="\n  ")
        return 1 if differing else 0
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in differing.items():
        (folder / name).write_text(text, encoding="utf-8")
    print(f"{len(PAGES)} reference pages, {len(differing)} changed", *differing, sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
