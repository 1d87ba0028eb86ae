"""Synthetic names of people, with apostrophes, accents and non-ASCII letters."""

import unicodedata
from dataclasses import dataclass

from sandbox.simulator.data import read_words

_FIRST = read_words("first_names")
_LAST = read_words("last_names")
_STEP = 9767  # a prime, so that consecutive ids get different names and no pair repeats too early


@dataclass(frozen=True)
class PersonName:
    """The full name and the name the person is called by."""

    full: str
    preferred: str

    @property
    def search(self) -> str:
        """Return the value that SQL Server computes for `search_name`."""
        return f"{self.preferred} {self.full}"

    def email(self, domain: str) -> str:
        """Return the first name, in plain letters, at `domain`."""
        plain = unicodedata.normalize("NFKD", self.preferred).encode("ascii", "ignore").decode()
        return f"{plain.lower() or 'post'}@{domain}"


def person_name(person_id: int, seed: int) -> PersonName:
    """Return the name of a person; full names are unique up to 27 times the number of name pairs."""
    pairs = len(_FIRST) * len(_LAST)
    again, pair = divmod(person_id + seed % pairs, pairs)
    pair = pair * _STEP % pairs
    first, last = _FIRST[pair % len(_FIRST)], _LAST[pair // len(_FIRST)]
    middle = f"{chr(ord('A') + (again - 1) % 26)}. " if again else ""
    return PersonName(f"{first} {middle}{last}", first)
