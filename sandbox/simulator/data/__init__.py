"""Reference data of the simulator: tables as CSV, words as plain text."""

import csv
from functools import cache
from importlib.resources import files


@cache
def read_table(name: str) -> dict[str, list[str]]:
    """Return the columns of `<name>.csv` in this folder, all values as text; do not change them."""
    with (files(__name__) / f"{name}.csv").open(encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return {column: [row[place] for row in rows] for place, column in enumerate(header)}


@cache
def read_words(name: str) -> tuple[str, ...]:
    """Return the words of `<name>.txt` in this folder; an underscore stands for a space."""
    text = (files(__name__) / f"{name}.txt").read_text(encoding="utf-8")
    return tuple(word.replace("_", " ") for word in text.split())
