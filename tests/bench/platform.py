"""How long each part of the main line takes here, in one run, on services of its own."""

import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from flows import simulation
from flows.dbt import build
from ingestion.batch import run_batch
from ingestion.settings import Settings
from metadata.load import load_catalog
from questions.sizes import layer_sizes
from sandbox import postgres, warehouse

LAST_DAY = date(2013, 4, 30)

T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return what `work` returns and the seconds it took."""
    started = time.monotonic()
    result = work()
    return result, time.monotonic() - started


def measure(console: Console) -> None:
    """Measure, and print one table."""
    with tempfile.TemporaryDirectory(prefix="wwi-bench-") as folder:
        settings = Settings(home=Path(folder), _env_file=None)
        catalog = load_catalog()
        try:
            postgres.up(settings)
            warehouse.up(settings)
            history, simulate_s = timed(lambda: simulation.simulate(settings, last=LAST_DAY))
            full, full_s = timed(lambda: run_batch(settings, catalog))
            _, idle_s = timed(lambda: run_batch(settings, catalog))
            first, first_s = timed(lambda: build(settings))
            simulation.simulate(settings, days=1)
            day, day_s = timed(lambda: run_batch(settings, catalog))
            _, daily_s = timed(lambda: build(settings))
            rows = {layer.layer: layer.rows for layer in layer_sizes(settings)}
        finally:
            warehouse.down(settings)
            postgres.down(settings)
    nodes = f"{first.models_passed} models, {first.tests_passed} tests"
    table = Table("step", "seconds", "what")
    for step, seconds, what in (
        ("simulate", simulate_s, f"{history.order_lines / simulate_s:,.0f} order lines a second"),
        ("first ingest", full_s, f"{full.rows_loaded:,} rows, {full.rows_loaded / full_s:,.0f} a second"),
        ("idle ingest", idle_s, "nothing changed"),
        ("first build", first_s, f"{nodes}, {rows['raw_vault']:,} rows in the raw vault"),
        ("daily ingest", day_s, f"{day.rows_loaded:,} rows"),
        ("daily build", daily_s, f"{daily_s / first_s:.2f} of the first build"),
    ):
        table.add_row(step, f"{seconds:.1f}", what)
    console.print(table)
