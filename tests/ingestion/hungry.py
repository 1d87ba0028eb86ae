"""Loads one table in a process of its own and prints by how many MB that raised its memory at most.

`python -m tests.ingestion.hungry`, with settings from the environment. What a first, idle batch takes is not
counted: Python's modules, connections and threads.
"""

from pathlib import Path

from config.settings import Settings
from ingestion.batch import run_batch
from tests.ingestion.big_table import CATALOG, SMALL


def peak_mb() -> float:
    """The most memory that this process was resident with so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    settings = Settings(_env_file=None)
    run_batch(settings, CATALOG, tables=[SMALL.qualified])
    before = peak_mb()
    run_batch(settings, CATALOG)
    print(peak_mb() - before)
