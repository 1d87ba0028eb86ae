"""Find words that the project does not use, with the word to use instead: `python -m tests.checkout.words`.

`make lint` runs it. docs/glossary.md has the project's terms.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.checkout.tracked import ROOT, tracked_files

INSTEAD = {
    r"mend(s|ed|ing)?": "fix",
    r"anew": "again, recreate",
    r"spooled|spools": "staged, staged files",
    r"plumbing": "system columns",
    r"what came of \w+": "the result",
    r"let(s|ting)? go": "delete",
    r"by name and nothing": "name what is missing",
    r"in vain": "without success",
    r"is told|are told|was told|were told": "gets, receives",
    r"is asked of|are asked of": "is read from",
    r"lies in the way|in the way": "already exists",
    r"as good as": "almost",
    r"beside": "next to, in parallel",
    r"whatever becomes of": "even if ... fails",
}
WORD = re.compile(r"\b(" + "|".join(f"(?:{each})" for each in INSTEAD) + r")\b", re.IGNORECASE)
KINDS = {".py", ".md", ".sql", ".yml", ".toml", ".aml", ".js", ".html", ".css", ".j2", ".in", ".sh"}


def found_words(text: str) -> Iterator[tuple[int, str, str]]:
    """Return line, word and what to use instead, for each word of the list in a text."""
    for number, line in enumerate(text.splitlines(), start=1):
        for hit in WORD.finditer(line):
            instead = next(
                word for each, word in INSTEAD.items() if re.fullmatch(each, hit[0], re.IGNORECASE)
            )
            yield number, hit[0], instead


def main() -> int:
    """Print what was found in the tracked files; return 1 when there is anything."""
    here = Path(__file__).relative_to(ROOT)
    lines = [
        f"{path}:{number}: '{word}': use {instead}"
        for path in tracked_files()
        if path != here and (path.suffix in KINDS or path.name == "Makefile")
        for number, word, instead in found_words((ROOT / path).read_text(encoding="utf-8"))
    ]
    print(*lines, sep="\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
