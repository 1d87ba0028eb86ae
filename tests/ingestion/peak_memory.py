"""Load one table in a separate process and print by how many MB that raised its peak memory.

Run with `python -m tests.ingestion.peak_memory` and settings from the environment. A small first batch loads
modules, connections and threads, so that they do not count.
"""

from pathlib import Path

from config.settings import Settings
from ingestion.batch import run_batch
from tests.ingestion.big_table import CATALOG, SMALL


def peak_mb() -> float:
    """Return the peak resident memory of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    settings = Settings(_env_file=None)
    run_batch(settings, CATALOG, tables=[SMALL.qualified])
    before = peak_mb()
    run_batch(settings, CATALOG)
    print(peak_mb() - before)
