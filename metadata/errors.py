"""Errors that a user can fix.

    WwiError                 what failed, why, and what to do next
    |-- MetadataError        every issue found in the YAML under metadata/
    |-- PermanentError       ingestion: a retry cannot succeed
    `-- TransientError       ingestion: a retry may succeed

The command line prints a WwiError as one message and exits 1; other exceptions keep their traceback.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


class WwiError(Exception):
    """An error that the user can fix; the text says what failed, why, and what to do next."""


@dataclass(frozen=True, order=True)
class Issue:
    """One issue in the metadata: its file, its key, the problem and the fix."""

    file: str
    key: str
    problem: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.key}" if self.key else self.file
        return f"{place}: {self.problem}. {self.fix}"


class MetadataError(WwiError):
    """All issues found while reading the metadata, sorted by file and key."""

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues = tuple(sorted(set(issues)))
        count = len(self.issues)
        head = "1 issue in the metadata" if count == 1 else f"{count} issues in the metadata"
        super().__init__("\n".join([head, *(f"  {issue}" for issue in self.issues)]))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggest the most similar known word, or list all known words."""
    choices = sorted(known)
    near = get_close_matches(word, choices, n=1, cutoff=0.6)
    if near:
        return f"Did you mean '{near[0]}'?"
    return f"Known here: {', '.join(choices)}." if choices else "None is known here."
