"""Pieces of Markdown."""

from collections.abc import Iterable, Sequence


def page(source: str, title: str, parts: Iterable[str]) -> str:
    """A whole page, which names the file to change instead of it."""
    mark = f"<!-- Written by `make generate` from {source} -->"
    return "\n\n".join([mark, f"# {title}", *parts]) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a cell is one line."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines)


def cell(text: str) -> str:
    """Text fit for a cell: one line, its bars escaped."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: object) -> str:
    """Text as it is typed; nothing for no text."""
    return f"`{text}`" if str(text) else ""


def prose(docstring: str | None) -> str:
    """A docstring as paragraphs of one line each, its names of things as code."""
    paragraphs = (docstring or "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
