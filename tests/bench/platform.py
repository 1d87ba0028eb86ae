"""Measure load and build of the whole business and of one more day.

The baseline of the first build is the time of its engine statements alone: they run again on a copy of the
data, without dbt, HTTP and translation.
"""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.table import Table

from audit.reconciliation.reconcile import reconcile
from audit.sizes import layer_sizes
from config.settings import PROJECT_ROOT, Settings
from ingestion.batch import run_batch
from metadata.load import load_catalog
from metadata.reconciliation import load_reconciliation
from sandbox import postgres, simulation, warehouse
from tests.bench.spent import Cost, spent
from transform.build_report import BuildReport
from transform.dbt import build

if TYPE_CHECKING:
    from tests.bench.recorder import Statement

LAST_DAY = date.fromisoformat(os.environ.get("WWI_BENCH_LAST_DAY", "2016-05-31"))
RECORDER = "tests.bench.recorder"
RECORD = "WWI_BENCH_RECORD"

T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return the result of `work` and its duration in seconds."""
    started = time.monotonic()
    result = work()
    return result, time.monotonic() - started


def measure(console: Console) -> None:
    """Measure, and print a table of the steps and one of the parts of each build."""
    with tempfile.TemporaryDirectory(prefix="wwi-bench-") as folder:
        settings = Settings(home=Path(folder), _env_file=None)
        # the emulator starts in another folder and imports its program from the checkout
        os.environ.update({RECORD: str(settings.home / "record"), "PYTHONPATH": str(PROJECT_ROOT)})
        try:
            _measure(console, settings)
        finally:
            warehouse.down(settings)
            postgres.down(settings)
            del os.environ[RECORD], os.environ["PYTHONPATH"]


def _measure(console: Console, settings: Settings) -> None:
    from tests.bench.recorder import recorded_statements, replay  # noqa: PLC0415 - the emulator logs when it is imported

    catalog = load_catalog()
    postgres.up(settings)
    warehouse.up(settings, program=RECORDER)
    steps = Table("step", "seconds", "what")

    def step(name: str, seconds: float, what: str) -> None:
        steps.add_row(name, f"{seconds:.1f}", what)

    history, seconds = timed(lambda: simulation.simulate(settings, last=LAST_DAY))
    step("simulate", seconds, f"to {LAST_DAY}, {history.order_lines / seconds:,.0f} order lines a second")
    full, seconds = timed(lambda: run_batch(settings, catalog))
    step("first ingest", seconds, f"{full.rows_loaded:,} rows, {full.rows_loaded / seconds:,.0f} a second")
    _, seconds = timed(lambda: run_batch(settings, catalog))
    step("idle ingest", seconds, "nothing changed")

    before = _copy(settings)
    shares = Table(
        "build", "seconds", "in the engine", "cpu: program", "warehouse", "nodes' seconds by layer",
        "bare engine", "x bare",
    )  # fmt: skip
    first, cost = spent(settings, lambda: build(settings))
    statements = list(recorded_statements(_record(settings)))
    rows = {layer.layer: layer.rows for layer in layer_sizes(settings)}
    nodes = f"{first.models_passed} models, {first.tests_passed} tests"
    in_vault = rows["raw_vault"]
    what = f"{nodes}, {in_vault:,} rows in the raw vault, {in_vault / cost.wall:,.0f} a second"
    step("first build", cost.wall, what)
    _, seconds = timed(lambda: reconcile(settings, catalog, load_reconciliation(catalog)))
    step("reconcile", seconds, "source = raw = vault = marts")
    baseline = asyncio.run(replay(before, [each for each in statements if not each.is_bookkeeping]))
    bare = f"{baseline:.1f}", f"{first.seconds / baseline:.1f}"
    shares.add_row("first", *_share(first, cost, statements), *bare)

    for _ in range(2):  # the second day is shown, because the emulator has translated its statements before
        simulation.simulate(settings, days=1)
        day, ingest_s = timed(lambda: run_batch(settings, catalog))
        _record(settings).unlink()
        daily, cost = spent(settings, lambda: build(settings))
    step("daily ingest", ingest_s, f"{day.rows_loaded:,} rows")
    nodes = f"{daily.models_passed} models, {daily.tests_passed} tests"
    step("daily build", cost.wall, f"{nodes}, {cost.wall / first.seconds:.2f} of the first build")
    shares.add_row("daily", *_share(daily, cost, recorded_statements(_record(settings))))
    console.print(steps, shares)


def _record(settings: Settings) -> Path:
    return settings.home / "record"


def _copy(settings: Settings) -> Path:
    """Copy the data of the warehouse, start a new record, and return the folder of the copy."""
    data, copy = settings.home / "warehouse" / "data", settings.home / "before"
    warehouse.down(settings)
    shutil.copytree(data, copy)
    _record(settings).unlink()
    warehouse.up(settings, program=RECORDER)
    return copy


def _share(report: BuildReport, cost: Cost, statements: "Iterable[Statement]") -> tuple[str, ...]:
    """Return the cells of a build: seconds in total, in the engine, of the processor, and by layer."""
    engine = sum(each.seconds for each in statements)
    layers = ", ".join(f"{layer} {seconds:.0f}" for layer, seconds in report.layer_seconds.items())
    seconds = (report.seconds, engine, cost.program, cost.warehouse)
    return (*(f"{each:.1f}" for each in seconds), layers)
