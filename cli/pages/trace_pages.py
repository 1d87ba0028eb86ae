"""Print the results of `wwi trace`."""

from collections.abc import Iterable

from audit.reconciliation.comparison import plain
from audit.tracing.total import Breakdown
from audit.tracing.trace import Part, Trace
from cli.pages.output import print_table


def show_trace(found: Trace, measure: str | None = None) -> None:
    """Print the lineage of a row as a tree, after its measures, or after `measure` alone."""
    (column, key), *_ = found.source_key.items()
    print(f"{found.fact} {found.key}, from {found.source} {column} {key}")
    for figure in found.figures:
        if measure in {None, figure.column}:
            verdict = "" if figure.is_equal else f"; the mart has {figure.value}"
            print(f"  {figure.column} = {figure.formula}")
            computed = "null" if figure.computed is None else plain(figure.computed)
            print(f"  {'':{len(figure.column)}} = {figure.filled} = {computed}{verdict}")
    for part in found.parts:
        last = part is found.parts[-1]
        shown = ", ".join(f"{name} {value}" for name, value in _shown_values(part))
        print(f"{'└─' if last else '├─'} {part.kind} {part.name}, batch {part.batch_id}: {shown}")
    for text in found.differs:
        print(f"differs: {text}")


def _shown_values(part: Part) -> Iterable[tuple[str, object]]:
    """Return the values of a row without hashes and system columns."""
    if part.kind == "effectivity":
        return [("in force since", part.load_dts)]
    hidden = ("_hk", "hashdiff", "record_source", "load_dts") if part.kind != "point in time" else ("_hk",)
    return [(name, value) for name, value in part.values.items() if not name.endswith(hidden)]


def show_breakdown(found: Breakdown) -> None:
    """Print a sum, the batches that loaded its rows, and its largest rows."""
    verdict = "equal to raw" if found.total == found.computed else f"{plain(found.computed)} in raw"
    print(
        f"sum of {found.measure} over {found.fact} where {found.condition}: {plain(found.total)}, {verdict}"
    )
    deleted = f", {found.deleted} of them deleted in the source" if found.deleted else ""
    batches = ", ".join(f"{count} from batch {batch}" for batch, count in found.batches.items())
    print(f"{found.count} rows{deleted}: {batches}")
    print_table("largest rows", ("key", "batch", found.measure), found.rows)
