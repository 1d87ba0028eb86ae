"""What a daily load takes when the history before it has grown: `make bench PARTS=growth`.

One business is lived through. Whenever its history has so many days, what is not loaded yet is loaded at
once, and then one day more, which is measured. Before the first of these another day is loaded, for of it the
emulator sees many statements for the first time.
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
from tests.bench.spent import Spent, spent
from transform.dbt import build

if TYPE_CHECKING:
    from tests.bench.recorder import Ran

DAYS = tuple(int(days) for days in os.environ.get("WWI_BENCH_GROWTH_DAYS", "30,300,1200").split(","))
SCALE = float(os.environ.get("WWI_BENCH_GROWTH_SCALE", "1"))
TIMEOUT_S = 600


@dataclass(frozen=True)
class DailyLoad:
    """A day: the rows of its batch, what its steps cost, and the seconds inside the engine's statements."""

    rows: int
    models: int
    ingest: Spent
    build: Spent
    engine: float

    @property
    def whole(self) -> Spent:
        """From the source to tested marts."""
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
                f"{load.whole.wall:.1f}", f"{load.whole.wall / first.whole.wall:.2f}",
                f"{load.ingest.wall:.1f}", f"{load.build.wall:.1f}",
                f"{load.engine:.1f}", f"{load.engine / first.engine:.2f}",
                f"{load.whole.program:.1f}", f"{load.whole.warehouse:.1f}",
            )  # fmt: skip
    console.print(table)


@contextmanager
def running() -> Iterator[Settings]:
    """A platform whose warehouse writes down what its engine runs."""
    with tempfile.TemporaryDirectory(prefix="wwi-bench-") as folder:
        settings = Settings(home=Path(folder), query_timeout_s=TIMEOUT_S, _env_file=None)
        # the emulator starts in a folder of its own and imports its program from here
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
    """Load what the source has and raw has not."""
    record = Path(os.environ[RECORD])
    record.unlink(missing_ok=True)
    batch, ingest = spent(settings, lambda: run_batch(settings, catalog))
    report, built = spent(settings, lambda: build(settings))
    seconds = sum(each.seconds for each in ran(record))
    return DailyLoad(batch.rows_loaded, report.models_passed, ingest, built, seconds)


def ran(record: Path) -> "Iterator[Ran]":
    """What the engine ran since the record began."""
    from tests.bench.recorder import recorded  # noqa: PLC0415 - the emulator logs when it is imported

    return recorded(record)
