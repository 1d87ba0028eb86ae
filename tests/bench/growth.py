"""Measure the daily load after histories of different length: `make bench PARTS=growth`.

One business is simulated. At each length of history, all pending days are loaded at once, then one more day,
which is measured. Before the first measurement an extra day warms up the emulator's cache of statements.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from audit.sizes import layer_sizes
from config.settings import PROJECT_ROOT, Settings
from ingestion.batch import run_batch
from metadata.load import load_catalog
from metadata.spec import Catalog
from sandbox import postgres, simulation, warehouse
from tests.bench.platform import RECORD, RECORDER
from tests.bench.spent import Cost, spent
from transform.dbt import build

if TYPE_CHECKING:
    from tests.bench.recorder import Statement

DAYS = tuple(int(days) for days in os.environ.get("WWI_BENCH_GROWTH_DAYS", "30,300,1200").split(","))
SCALE = float(os.environ.get("WWI_BENCH_GROWTH_SCALE", "1"))
TIMEOUT_S = 600


@dataclass(frozen=True)
class DailyLoad:
    """A daily load: rows of its batch, cost of its steps, and seconds in statements of the engine."""

    rows: int
    models: int
    ingest: Cost
    build: Cost
    engine: float

    @property
    def total(self) -> Cost:
        """Return the cost from the source to tested marts."""
        return self.ingest + self.build


def measure(console: Console) -> None:
    """Measure, and print a row for each length of history."""
    columns = "days", "raw vault", "day", "models", "load s", "x first", "ingest", "build", "engine"
    table = Table(*columns, "x first", "cpu: program", "warehouse", title=f"scale {SCALE:g}")
    with running() as settings:
        catalog = load_catalog()
        first = None
        for days in DAYS:
            last = simulation.OPENING_DAY + timedelta(days=days - 1)
            simulation.simulate(settings, last=last, scale=SCALE)
            run_batch(settings, catalog)
            build(settings)
            for _ in range(1 if first else 2):
                simulation.simulate(settings, days=1)
                load = daily_load(settings, catalog)
            first = first or load
            held = next(layer.rows for layer in layer_sizes(settings) if layer.layer == "raw_vault")
            table.add_row(
                f"{days:,}", f"{held:,}", f"{load.rows:,}",
                f"{load.models}",
                f"{load.total.wall:.1f}", f"{load.total.wall / first.total.wall:.2f}",
                f"{load.ingest.wall:.1f}", f"{load.build.wall:.1f}",
                f"{load.engine:.1f}", f"{load.engine / first.engine:.2f}",
                f"{load.total.program:.1f}", f"{load.total.warehouse:.1f}",
            )  # fmt: skip
    console.print(table)


@contextmanager
def running() -> Iterator[Settings]:
    """Start a platform that records the statements of its warehouse engine."""
    with tempfile.TemporaryDirectory(prefix="wwi-bench-") as folder:
        settings = Settings(home=Path(folder), query_timeout_s=TIMEOUT_S, _env_file=None)
        # the emulator starts in another folder and imports its program from the checkout
        os.environ.update({RECORD: str(settings.home / "record"), "PYTHONPATH": str(PROJECT_ROOT)})
        try:
            postgres.up(settings)
            warehouse.up(settings, program=RECORDER)
            yield settings
        finally:
            warehouse.down(settings)
            postgres.down(settings)
            del os.environ[RECORD], os.environ["PYTHONPATH"]


def daily_load(settings: Settings, catalog: Catalog) -> DailyLoad:
    """Load and build the pending changes, and measure it."""
    record = Path(os.environ[RECORD])
    record.unlink(missing_ok=True)
    batch, ingest = spent(settings, lambda: run_batch(settings, catalog))
    report, built = spent(settings, lambda: build(settings))
    seconds = sum(each.seconds for each in statements(record))
    return DailyLoad(batch.rows_loaded, report.models_passed, ingest, built, seconds)


def statements(record: Path) -> "Iterator[Statement]":
    """Return the statements recorded so far."""
    from tests.bench.recorder import recorded_statements  # noqa: PLC0415 - the emulator logs when it is imported

    return recorded_statements(record)
