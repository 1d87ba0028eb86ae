"""Print results for people. Scripts use `--json`."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta

from audit.platform_state import Status
from audit.reconciliation.comparison import Comparison, Reconciliation, days_text, plain
from audit.rejected_values import RejectedValues
from cli.pages.output import print_table
from operations.cost.model_bytes import MB, ModelBytes
from operations.rebuild import RebuildReport
from transform.build_report import BuildReport
from warehouse.ledger.test_failures import FailingRow
from warehouse.query_cost import Cost

NAMED = 3
NAME_LENGTH = 60
LAYERS = ("staging", "raw_vault", "business_vault", "marts", "tests")


def show_build(report: BuildReport) -> None:
    """Print a build: the outcome and the time per layer."""
    print_table(
        f"build: {report.outcome}; {report.seconds:.1f} s",
        ("layer", "node seconds"),
        ((name, round(report.layer_seconds[name], 1)) for name in LAYERS if name in report.layer_seconds),
    )
    show_failing_rows(report.warnings)


def show_failing_rows(rows: Sequence[FailingRow]) -> None:
    """Print the first rows that failed data tests, if there are any."""
    if rows:
        print_table(
            "data quality: first rows that failed a test; correct them in the source",
            ("table", "key", "column", "value", "expected", "total rows", ""),
            ((r.table, r.key, r.column, r.value, r.expected, r.rows, r.status) for r in rows),
        )


def show_cost(cost: Cost) -> None:
    """Print the bytes that a build would read, largest node first, and the nodes without an estimate."""
    if cost.tells_bytes:
        print_table(
            "bytes that the build would read",
            ("node", "", "bytes", "bytes billed", "price"),
            ((_cut(e.name), e.kind, e.bytes, e.billed_bytes, f"{e.price:.6f}") for e in cost.known),
        )
        print(
            f"{len(cost.known)} queries read {cost.bytes} bytes; {cost.billed_bytes} bytes are billed: "
            f"{cost.price:.4f} at {cost.price_per_tib} per TiB."
        )
    else:
        print(f"This warehouse cannot estimate bytes. All {len(cost.known)} statements are valid.")
    missing: dict[str, list[str]] = defaultdict(list)
    for each in cost.unknown:
        missing[each.missing or ""].append(_cut(each.name))
    for table, names in sorted(missing.items()):
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        print(f"Unknown until {table} exists: {', '.join(names[:NAMED])}{more}.")


def show_daily_bytes(found: Sequence[ModelBytes]) -> None:
    """Print the bytes billed for a daily load, per model (largest first) and per layer."""
    layers = dict.fromkeys(each.layer for each in found)
    sums = {
        layer: [each for each in found if each.layer == layer] for layer in sorted(layers, key=LAYERS.index)
    }
    print_table(
        "MB billed for a daily load",
        ("model", "layer", "now", "with 10 x the days", "growth", "budget"),
        (
            (
                each.name,
                each.layer,
                _megabytes(each.bytes),
                _megabytes(each.later_bytes),
                round(each.growth, 2),
                None if each.budget is None else _megabytes(each.budget),
            )
            for each in found
        ),
    )
    print_table(
        "by layer",
        ("layer", "models", "now", "with 10 x the days", "growth"),
        (
            (
                layer,
                len(models),
                _megabytes(now := sum(each.bytes for each in models)),
                _megabytes(later := sum(each.later_bytes for each in models)),
                round(later / max(now, 1), 2),
            )
            for layer, models in sums.items()
        ),
    )
    for each in found:
        if each.is_over:
            budget = _megabytes(each.budget or 0)
            print(f"{each.name}: {_megabytes(each.bytes)} MB billed, over its budget of {budget} MB.")


def _megabytes(count: int) -> float:
    return round(count / MB, 1)


def _cut(name: str) -> str:
    """Shorten a name to fit a line: names of tests contain all their arguments."""
    return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 4]} ..."


_TOTAL_COLUMNS = ("table", "total", "source", "layer", "value", "days", "")


def show_reconciliation(found: Reconciliation, *, every: bool = False) -> None:
    """Print one line per table and the differences, or with `every` one line per total."""
    wrong = len(found.differences)
    count = len(found.comparisons)
    title = f"reconciliation: {wrong} of {count} totals differ" if wrong else f"all {count} totals agree"
    if every:
        print_table(title, _TOTAL_COLUMNS, _lines(found.comparisons))
        return
    print_table(title, ("table", "batch", "rows", "totals", "layers", ""), _by_table(found.comparisons))
    if wrong:
        print_table("differences", _TOTAL_COLUMNS, _lines(found.differences))
    if found.vault_is_behind:
        print(f"Pending: batch {_listed(found.vault_is_behind)}. Run `wwi build` to load it into the vault.")
    _show_rejected(found.rejected)


def _show_rejected(found: Sequence[RejectedValues]) -> None:
    """Print the rejected values, if there are any."""
    if found:
        print_table(
            "rejected values: BigQuery cannot hold them; null in all layers and totals, see rejected_values",
            ("table", "column", "values", "since batch", "reason"),
            ((each.table, each.column, each.values, each.since_batch, each.reason) for each in found),
        )


def _lines(comparisons: Iterable[Comparison]) -> Iterable[tuple[object, ...]]:
    for each in comparisons:
        yield (
            each.table,
            each.control,
            plain(each.source),
            each.layer,
            plain(each.value),
            "" if each.days is None else each.days,
            "=" if each.is_equal else f"differs{days_text(each)}",
        )


def _by_table(comparisons: Iterable[Comparison]) -> Iterable[tuple[object, ...]]:
    tables: dict[str, list[Comparison]] = defaultdict(list)
    for each in comparisons:
        tables[each.table].append(each)
    for table, found in tables.items():
        rows = next((each.source for each in found if each.control == "rows"), None)
        layers = Counter(each.layer for each in found)
        wrong = sum(not each.is_equal for each in found)
        yield (
            table,
            found[0].batch_id,
            "" if rows is None else int(rows),
            max(layers.values()),
            " ".join(["source", *layers]),
            f"{wrong} differ" if wrong else "=",
        )


def show_status(found: Status) -> None:
    """Print freshness, what needs attention, the newest batches and builds, and the tables."""
    if not found.batches:
        print("Nothing was loaded yet. Run `wwi run`.")
        return
    if found.behind_s is not None:
        age = timedelta(seconds=int(found.behind_s))
        print(f"Loaded up to {found.loaded_to:%Y-%m-%d %H:%M:%S} UTC, {age} ago.")
    if found.pending:
        print(f"Pending: batch {_listed(found.pending)}. Run `wwi build` to load it into the vault.")
    if found.open:
        print(
            f"Running, or left by a killed run: batch {_listed(found.open)}. The next `wwi run` cleans it up."
        )
    if found.reconciled_at:
        verdict = f"{found.differences} totals differed" if found.differences else "all totals agreed"
        print(f"Last reconciled {found.reconciled_at:%Y-%m-%d %H:%M:%S} UTC: {verdict}.")
    if found.offline_packages:
        print(
            f"Built with the offline stand-ins in vault/offline ({', '.join(found.offline_packages)}), not "
            "with AutomateDV and dbt-utils. Run `wwi deps --again` where the dbt hub can be reached."
        )
    print_table(
        "batches",
        ("batch", "status", "source's clock", "seconds", "tables", "read", "changed", "deleted",
         "rejected", "in vault", "error"),
        (
            (b.batch_id, b.status, b.applied_dts, _tenths(b.seconds), b.tables, b.rows_read,
             b.rows_changed, b.rows_deleted, b.rejected, b.is_in_vault, b.error)
            for b in found.batches
        ),
    )  # fmt: skip
    print_table(
        "tables",
        ("table", "batch", "mode", "read", "changed", "deleted", "last change (UTC)"),
        (
            (t.table, t.batch_id, t.mode, t.rows_read, t.rows_changed, t.rows_deleted,
             f"{t.changed_at:%Y-%m-%d %H:%M:%S}" if t.changed_at else "")
            for t in found.tables
        ),
    )  # fmt: skip
    _show_builds(found)
    _show_rejected(found.rejected)
    if found.changes:
        print_table(
            "columns that are not in the metadata",
            ("table", "column", "type", "result", "since batch", "reason"),
            ((c.table, c.column, c.type, c.change, c.batch_id, c.reason) for c in found.changes),
        )


def _show_builds(found: Status) -> None:
    """Print the newest builds with the batches that each loaded, and the nodes whose last run failed."""
    if found.builds:
        print_table(
            "builds",
            ("started (UTC)", "status", "seconds", "batches", "models", "tests", "failed", "rows", "code"),
            (
                (f"{b.started_at:%Y-%m-%d %H:%M:%S}", b.status, _tenths(b.seconds), b.batches or "",
                 b.models, b.tests, b.failed, b.rows_affected, _cut(b.code[:12]))
                for b in found.builds
            ),
        )  # fmt: skip
    if found.failing:
        print_table(
            "models and tests whose last run did not succeed",
            ("", "name", "status", "rows", "finished (UTC)"),
            (
                (e.kind, _cut(e.name), e.status, e.rows, f"{e.finished_at:%Y-%m-%d %H:%M:%S}")
                for e in found.failing
            ),
        )
    show_failing_rows(found.failing_rows)


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def show_rebuild(report: RebuildReport) -> None:
    """Print the comparison of every table, the differences and the outcome."""
    wrong, count = len(report.different), len(report.tables)
    verdict = f"{wrong} of {count} tables differ" if wrong else f"all {count} tables are equal"
    print_table(
        f"rebuild {report.rebuild_id} from {report.batches} batches: {verdict}",
        ("layer", "table", "rows live", "rows rebuilt", "checksum live", "checksum rebuilt", ""),
        (
            (
                each.layer,
                each.table,
                each.live.rows if each.live else "",
                each.rebuilt.rows if each.rebuilt else "",
                each.live.checksum if each.live else "",
                each.rebuilt.checksum if each.rebuilt else "",
                each.difference or "=",
            )
            for each in report.tables
        ),
    )
    for each in report.different:
        print(f"{each.layer}.{each.table}: {each.difference}")
        for example in each.examples:
            print(f"  {example}")
    print(_rebuild_outcome(report))
    took = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in report.seconds.items())
    kept = f" The shadow datasets are kept: {report.side}_*." if report.side else ""
    print(f"{took}.{kept}")


def _rebuild_outcome(report: RebuildReport) -> str:
    if report.finished:
        return f"Rebuild {report.rebuild_id} was interrupted during the swap; the swap is complete now."
    if report.swapped:
        return "Swapped: the rebuilt tables are now the live ones."
    if report.different:
        return "The live tables were not changed. `wwi rebuild --force` replaces them with the rebuilt ones."
    return "The live tables were not changed."


def _tenths(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
