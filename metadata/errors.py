"""The errors that a user of the project can mend.

    WwiError                 what is wrong, where, and what to do now
    |-- MetadataError        all mistakes found in the YAML under metadata/
    |-- PermanentError       ingestion: trying again cannot help
    `-- TransientError       ingestion: worth another try

The command line prints a WwiError as one message and exits 1. Anything else keeps its traceback.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


class WwiError(Exception):
    """A problem the user can mend; the text says what, where, and what to do now."""


@dataclass(frozen=True, order=True)
class Mistake:
    """One thing wrong in the metadata: the file and the key it stands at, and how to mend it."""

    file: str
    key: str
    problem: str
    mend: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.key}" if self.key else self.file
        return f"{place}: {self.problem}. {self.mend}"


class MetadataError(WwiError):
    """Every mistake found in one reading of the metadata, sorted by file and key."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        count = len(self.mistakes)
        head = "1 mistake in the metadata" if count == 1 else f"{count} mistakes in the metadata"
        super().__init__("\n".join([head, *(f"  {mistake}" for mistake in self.mistakes)]))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the mend for an unknown word: the nearest known ones, or else all of them."""
    choices = sorted(known)
    near = get_close_matches(word, choices, n=1, cutoff=0.6)
    if near:
        return f"Did you mean '{near[0]}'?"
    return f"Known here: {', '.join(choices)}." if choices else "None is known here."
