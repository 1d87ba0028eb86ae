"""Run the benchmarks: `make bench [PARTS="readers memory platform questions growth emulator"]`.

Each part starts its own services and prints a table. Compare ratios within one run, not seconds of two runs.
"""

import os
import sys
from datetime import UTC, datetime

from rich.console import Console

from tests.bench import emulator, growth, memory, platform, questions, readers

PARTS = {
    "readers": readers.measure,
    "memory": memory.measure,
    "platform": platform.measure,
    "questions": questions.measure,
    "growth": growth.measure,
    "emulator": emulator.measure,
}


def main(names: list[str]) -> None:
    """Measure these parts, by default all."""
    unknown = set(names) - set(PARTS)
    if unknown:
        sys.exit(f"no part named {', '.join(sorted(unknown))}: choose from {', '.join(PARTS)}.")
    console = Console(width=110)
    for name in names or PARTS:
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
        console.print(
            f"\n{name}: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load {load}"
        )
        PARTS[name](console)


if __name__ == "__main__":
    main(sys.argv[1:])
