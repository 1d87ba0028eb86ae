"""Print tables for people, JSON for scripts, and progress on stderr."""

import base64
import csv
import dataclasses
import json
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

# Loggers of this project; those of libraries are not shown.
SHOWN_LOGGERS = (
    "audit", "cli", "dashboard", "flows", "ingestion", "operations", "sandbox", "transform", "warehouse",
)  # fmt: skip
NODE_LOGGER = "transform.dbt_invocation.nodes"  # not imported: dbt takes seconds
# wider than any table: like psql, let the terminal wrap wide rows instead of squeezing columns
WIDE = 100_000


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as a table, numbers right-aligned."""
    listed = [list(row) for row in rows]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(columns):
        values = [row[number] for row in listed if row[number] is not None]
        numeric = bool(values) and all(isinstance(value, int | float | Decimal) for value in values)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in listed:
        table.add_row(*(as_text(value) for value in row))
    if title:
        print(title)
    Console(width=WIDE, markup=False, highlight=False).print(table)


def print_json(value: object) -> None:
    """Print dataclasses, dicts and lists as JSON. Decimals become strings, because floats lose digits."""
    ascii_only = not (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    print(json.dumps(value, default=_plain, indent=2, ensure_ascii=ascii_only))


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as CSV with a header; null becomes an empty field."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([["" if value is None else as_text(value) for value in row] for row in rows])


def as_text(value: object) -> str:
    """Return a value as readable text; null becomes an empty string."""
    if value is None:
        return ""
    if isinstance(value, bool | list | Mapping):
        return json.dumps(value, default=_plain, ensure_ascii=False)
    if isinstance(value, bytes | Decimal):
        return str(_plain(value))
    return value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if isinstance(value, date | Path):
        return value.isoformat() if isinstance(value, date) else str(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"no JSON form for {type(value).__name__}")


@contextmanager
def progress() -> Iterator[None]:
    """Show this project's log on stderr: one changing line in a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        with _logs_to(_PlainLines(sys.stderr)):
            yield
        return
    console = Console(stderr=True, highlight=False, markup=False)
    with console.status("starting ...") as status, _logs_to(_StatusLine(console, status)):
        yield


class _PlainLines(logging.StreamHandler[TextIO]):
    """Writes one line per message, except for the hundreds of nodes of a build."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.name != NODE_LOGGER or record.levelno > logging.INFO


class _StatusLine(logging.Handler):
    """Shows the newest message in one changing line; warnings stay above it."""

    def __init__(self, console: Console, status: Status) -> None:
        super().__init__()
        self._console, self._status = console, status

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno > logging.INFO:
            self._console.print(record.getMessage())
        else:
            self._status.update(escape(record.getMessage()))


@contextmanager
def _logs_to(handler: logging.Handler) -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in SHOWN_LOGGERS]
    for logger in loggers:
        logger.setLevel(logging.INFO)
        logger.propagate = False  # if a library adds a root handler, messages would appear twice
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
            logger.propagate = True
