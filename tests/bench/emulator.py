"""Measure what each speed patch of the emulator saves: a load with all of them, then without each.

As a program, `python -m tests.bench.emulator start ...` runs the local warehouse without the patch that
WWI_BENCH_WITHOUT names.
"""

import os
import tempfile
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from config.settings import PROJECT_ROOT, Settings
from ingestion.batch import run_batch
from metadata.load import load_catalog
from sandbox import postgres, simulation, warehouse
from tests.bench.spent import Cost, spent
from transform.dbt import build

LAST_DAY = date(2013, 6, 30)  # the first load of `make demo`
PROGRAM = "tests.bench.emulator"
WITHOUT = "WWI_BENCH_WITHOUT"


def measure(console: Console) -> None:
    """Measure, and print a table of the seconds of each load, and of its processor time."""
    from sandbox.emulator.speed import PATCHES  # noqa: PLC0415 - the emulator logs when it is imported

    table = Table("without", "seconds", "ratio", "cpu: program", "warehouse")
    with tempfile.TemporaryDirectory(prefix="wwi-bench-") as folder:
        settings = Settings(home=Path(folder), _env_file=None)
        # the emulator starts in another folder and imports its program from the checkout
        os.environ["PYTHONPATH"] = str(PROJECT_ROOT)
        try:
            postgres.up(settings)
            simulation.simulate(settings, last=LAST_DAY)
            baseline = 0.0
            for name in ("", *PATCHES):
                cost = _load(settings, name)
                baseline = baseline or cost.wall
                ratio = f"{cost.wall / baseline:.2f}"
                table.add_row(
                    name or "(all patches)", f"{cost.wall:.1f}", ratio, f"{cost.program:.1f}",
                    f"{cost.warehouse:.1f}",
                )  # fmt: skip
        finally:
            warehouse.down(settings)
            postgres.down(settings)
            del os.environ["PYTHONPATH"]
            os.environ.pop(WITHOUT, None)
    console.print(table)


def _load(settings: Settings, without: str) -> Cost:
    """Load the business into a new warehouse, then one more day, and return the cost of both."""
    os.environ[WITHOUT] = without
    warehouse.reset(settings)
    warehouse.up(settings, program=PROGRAM)
    catalog = load_catalog()
    first = spent(settings, lambda: (run_batch(settings, catalog), build(settings)))[1]
    simulation.simulate(settings, days=1)
    return first + spent(settings, lambda: (run_batch(settings, catalog), build(settings)))[1]


if __name__ == "__main__":
    from sandbox.emulator.__main__ import run

    run(without=os.environ[WITHOUT])
