"""How the answers about the past are printed for people."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flows.cli.output import as_text, print_table
from questions.history import History, Version

CUT = 60


def show_history(found: History) -> None:
    """Print every version, a line for each column that it changed, and when there was no such row."""
    times = len(found.versions)
    title = f"{found.entity} {found.key}: {times} version{'s' if times > 1 else ''}"
    columns = ("", "loaded (UTC)", "batch", "business time", "", "column", "before", "after", "record source")
    print_table(title, columns, [line for version in found.versions for line in _lines(version)])
    for span in found.deleted:
        until = f"until {_time(span.until)}" if span.until else "and has not come back"
        print(f"Not in the source from {_time(span.since)} {until}.")
    _say_masked(found)


def show_version(found: History) -> None:
    """Print the newest of the versions: every column, and since when it has its value."""
    version = found.versions[-1]
    asked = f"{found.entity} {found.key} as known at {_time(found.at.at)} UTC" if found.at else found.entity
    told = f"version {version.number}, {version.event} with batch {version.batch_id}"
    gone = "; it is deleted at the source" if version.is_deleted else ""
    since = {change.column: each for each in found.versions for change in each.changes}
    rows = []
    for column, value in version.state.items():
        brought = since.get(column, found.versions[0])
        rows.append((column, _short(value), _time(brought.load_dts), brought.batch_id))
    print_table(f"{asked}: {told}{gone}", ("column", "value", "since (UTC)", "batch"), rows)
    _say_masked(found)


def _lines(version: Version) -> Iterator[tuple[object, ...]]:
    """A line for each change; what holds for the whole version stands in the first one only."""
    head = (
        version.number,
        _time(version.load_dts),
        version.batch_id,
        _time(version.applied_dts),
        version.event,
    )
    source = ", ".join(version.record_sources)
    if not version.changes:
        yield (*head, "", "", "", source)
    for number, change in enumerate(version.changes):
        values = (change.column, _short(change.before), _short(change.after))
        yield (*head, *values, source) if number == 0 else (*[None] * len(head), *values, None)


def _say_masked(found: History) -> None:
    if found.masked_columns:
        print(
            f"Personal and cut to the first letter: {', '.join(found.masked_columns)}. --personal shows "
            "them: on BigQuery to those whom the policy tag lets, on a local warehouse to everybody who "
            "reaches it."
        )


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def _short(value: Any) -> str:
    """The value in one line of a table."""
    text = " ".join(as_text(value).split())
    return text if len(text) <= CUT else f"{text[: CUT - 4]} ..."
