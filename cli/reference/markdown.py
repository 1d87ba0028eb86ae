"""Format Markdown pages and tables."""

from collections.abc import Iterable, Sequence


def page(source: str, title: str, parts: Iterable[str]) -> str:
    """Return a page with a comment that names the source file to edit instead."""
    mark = f"<!-- Written by `make generate` from {source} -->"
    return "\n\n".join([mark, f"# {title}", *parts]) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines)


def cell(text: str) -> str:
    """Return the text as a table cell: one line, with `|` escaped."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: object) -> str:
    """Return the text as inline code; an empty string stays empty."""
    return f"`{text}`" if str(text) else ""


def prose(docstring: str | None) -> str:
    """Return a docstring with each paragraph on one line."""
    paragraphs = (docstring or "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
