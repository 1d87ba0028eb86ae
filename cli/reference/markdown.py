"""Format Markdown pages and tables."""

from collections.abc import Iterable

from metadata.codegen.docs.markdown import markdown_table as table

__all__ = ["code", "page", "prose", "table"]


def page(source: str, title: str, parts: Iterable[str]) -> str:
    """Return a page with a comment that names the source file to edit instead."""
    mark = f"<!-- Written by `make generate` from {source} -->"
    return "\n\n".join([mark, f"# {title}", *parts]) + "\n"


def code(text: object) -> str:
    """Return the text as inline code; an empty string stays empty."""
    return f"`{text}`" if str(text) else ""


def prose(docstring: str | None) -> str:
    """Return a docstring with each paragraph on one line."""
    paragraphs = (docstring or "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
