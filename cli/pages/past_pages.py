"""Print the results of `wwi history` and `wwi asof`."""

import dataclasses
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from audit.history.as_of_time import AsOf
from audit.history.difference import KINDS, ChangedRow, Difference
from audit.history.past import AsOfRows
from audit.history.versions import History, Version
from cli.pages.output import as_text, print_table

CUT = 60


def show_history(found: History) -> None:
    """Print every version, one line per changed column, and the periods in which the row was deleted."""
    times = len(found.versions)
    title = f"{found.entity} {found.key}: {times} version{'s' if times > 1 else ''}"
    columns = ("", "loaded (UTC)", "batch", "business time", "", "column", "before", "after", "record source")
    print_table(title, columns, [line for version in found.versions for line in _lines(version)])
    for span in found.deleted:
        until = f"until {_time(span.until)}" if span.until else "until now"
        print(f"Not in the source from {_time(span.since)} {until}.")
    _print_masked(found)


def show_version(found: History) -> None:
    """Print the newest version: every column, and since when it has its value."""
    version = found.versions[-1]
    entity = f"{found.entity} {found.key} as of {_time(found.at.at)} UTC" if found.at else found.entity
    title = f"version {version.number}, {version.event} with batch {version.batch_id}"
    deleted = "; deleted in the source" if version.is_deleted else ""
    changed_by = {change.column: each for each in found.versions for change in each.changes}
    rows = []
    for column, value in version.state.items():
        since = changed_by.get(column, found.versions[0])
        rows.append((column, _short(value), _time(since.load_dts), since.batch_id))
    print_table(f"{entity}: {title}{deleted}", ("column", "value", "since (UTC)", "batch"), rows)
    _print_masked(found)


def _lines(version: Version) -> Iterator[tuple[object, ...]]:
    """Yield one line per change; the first one also has the fields of the version."""
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


def _print_masked(found: History) -> None:
    if found.masked_columns:
        print(
            f"Personal values, masked to their first letter: {', '.join(found.masked_columns)}. Show them "
            "with --personal: on BigQuery if the policy tag permits your login, on a local warehouse for "
            "everyone."
        )


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def _short(value: Any) -> str:
    """Return the value as one short line."""
    text = " ".join(as_text(value).split())
    return text if len(text) <= CUT else f"{text[: CUT - 4]} ..."


def show_as_of(found: AsOfRows) -> None:
    """Print the rows of a mart, and the time and batch that they are as of."""
    print_table(f"{found.mart} {_time_text(found.as_of)}", found.columns, found.rows)


def show_difference(found: Difference) -> None:
    """Print the number of different rows, the change of each total, and the first rows."""
    print(f"{found.mart} before: {_time_text(found.before)}")
    print(f"{' ' * len(found.mart)} after:  {_time_text(found.after)}")
    counted = ", ".join(f"{count} {kind}" for kind, count in found.kinds.items()) or "nothing changed"
    print(f"{found.rows_before} rows before, {found.rows_after} after: {counted}.")
    if found.totals:
        kinds = [kind for kind in KINDS if kind in found.kinds]
        print_table(
            "\nTotals (without deleted rows), and the change by kind of row",
            ("measure", "before", "after", "delta", *(f"by {kind}" for kind in kinds)),
            (
                (each.measure, each.before, each.after, each.delta, *(each.moved_by.get(k) for k in kinds))
                for each in found.totals
            ),
        )
    if found.columns:
        changed = ", ".join(f"{name} {count}" for name, count in found.columns.items())
        print(f"Changed columns (number of rows): {changed}.")
    if found.rows:
        shown = f", the first {len(found.rows)}" if found.different_rows > len(found.rows) else ""
        lines = [line for row in found.rows for line in _row_lines(row)]
        print_table(f"\nRows{shown}", ("key", "", "column", "before", "after"), lines)


def difference_document(found: Difference) -> dict[str, Any]:
    """Return the difference for --json, with the delta of each total."""
    totals = [{**dataclasses.asdict(each), "delta": each.delta} for each in found.totals]
    return {**dataclasses.asdict(found), "totals": totals, "different_rows": found.different_rows}


def _row_lines(row: ChangedRow) -> Iterator[tuple[object, ...]]:
    """Yield one line per changed column; for an added or removed row, one line in all."""
    if row.kind in ("added", "removed"):
        side = 1 if row.kind == "added" else 0
        yield row.key, row.kind, "", *(_summary(row) if side == i else None for i in (0, 1))
        return
    for number, (column, (before, after)) in enumerate(row.columns.items()):
        head = (row.key, row.kind) if number == 0 else (None, None)
        yield (*head, column, _short(before), _short(after))


def _summary(row: ChangedRow) -> str:
    """Return the values of an added or removed row in one line."""
    side = 1 if row.kind == "added" else 0
    return _short(", ".join(f"{name} {as_text(pair[side])}" for name, pair in row.columns.items()))


def _time_text(moment: AsOf) -> str:
    """Return the time as text, with the last batch before it."""
    load = moment.load
    clock = f", business time {_time(load.applied_dts)}" if load.applied_dts else ""
    return f"as of {_time(moment.at)} UTC: after batch {load.batch_id}, loaded {_time(load.load_dts)}{clock}"
