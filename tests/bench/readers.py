"""Ways out of Postgres, side by side: one table of a million rows, every way in turn, several rounds.

The floor is `psql` throwing away the CSV of a COPY: nothing that reads a table through its server is quicker.
"""

import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from config.settings import Settings
from sandbox import postgres, warehouse
from tests.bench import child, lines
from tests.bench.child import Child

ROUNDS = 5
OTHERS = Path(__file__).parent / "others"
OTHERS_PYTHON = Path(".venv-bench/bin/python")
TABLE = lines.LINES.qualified
COPY = f"copy {TABLE} to stdout (format csv)"


@dataclass(frozen=True)
class Way:
    """A way out: `command` gets an empty folder and the number of the round.

    `tells_seconds`: the program prints how long it worked, which leaves out the start of Python.
    """

    name: str
    command: Callable[[Path, int], Child]
    tells_seconds: bool = True


def measure(console: Console) -> None:
    """Measure, and print a row for each way."""
    with tempfile.TemporaryDirectory(prefix="wwi-bench-") as home:
        settings = Settings(home=Path(home), _env_file=None)
        try:
            dsn = postgres.up(settings)["admin_dsn"]
            warehouse.up(settings)
            lines.fill(dsn)
            ways = _ways(settings, dsn)
            taken = _rounds(ways)
        finally:
            warehouse.down(settings)
            postgres.down(settings)
    _print(console, ways, taken)


def _ways(settings: Settings, dsn: str) -> list[Way]:
    def ours(way: str) -> Callable[[Path, int], Child]:
        def run(folder: Path, number: int) -> Child:
            env = {
                "WWI_TARGET": "local",
                "WWI_HOME": str(settings.home),
                "WWI_SOURCE_DSN": dsn,
                "WWI_DATASET_PREFIX": f"round{number}",
            }
            return child.run([sys.executable, "-m", "tests.bench.ours", way, folder], env)

        return run

    def other(script: str, *more: str) -> Callable[[Path, int], Child]:
        return lambda folder, _: child.run([OTHERS_PYTHON, OTHERS / script, dsn, TABLE, folder, *more])

    psql, pg_dump = postgres.binary("psql"), postgres.binary("pg_dump")

    def floor(_: Path, __: int) -> Child:
        return child.run([psql, dsn, "-Xqc", COPY, "-o", "/dev/null"])

    def dump(folder: Path, _: int) -> Child:
        return child.run([pg_dump, dsn, "-t", TABLE, "-f", folder / "dump"])

    return [
        Way("COPY to nowhere (psql): the floor", floor, tells_seconds=False),
        Way("ours to Parquet", ours("parquet")),
        Way("ADBC to Parquet", other("adbc_parquet.py")),
        Way("ConnectorX to Parquet", other("connectorx_parquet.py")),
        Way("pg_dump to a file", dump, tells_seconds=False),
        Way("ours to a loaded table", ours("warehouse")),
        Way("dlt (pyarrow) to a loaded table", other("dlt_duckdb.py", "pyarrow")),
        Way("dlt (connectorx) to a loaded table", other("dlt_duckdb.py", "connectorx")),
    ]


def _rounds(ways: list[Way]) -> dict[str, list[tuple[float, float]]]:
    """Seconds and peak MB of each round of each way. The first round only warms up."""
    taken: dict[str, list[tuple[float, float]]] = {way.name: [] for way in ways}
    for number in range(ROUNDS + 1):
        for way in ways:
            with tempfile.TemporaryDirectory(prefix="wwi-bench-way-") as folder:
                done = way.command(Path(folder), number)
            seconds = float(done.output.split()[-1]) if way.tells_seconds else done.seconds
            if number > 0:
                taken[way.name].append((seconds, done.peak_mb))
    return taken


def _print(console: Console, ways: list[Way], taken: dict[str, list[tuple[float, float]]]) -> None:
    table = Table("way", "best s", "median s", "best x floor", "median x floor", "peak MB")
    best = {name: min(seconds for seconds, _ in rounds) for name, rounds in taken.items()}
    median = {name: statistics.median(seconds for seconds, _ in rounds) for name, rounds in taken.items()}
    floor = ways[0].name
    for way in ways:
        table.add_row(
            way.name,
            f"{best[way.name]:.2f}",
            f"{median[way.name]:.2f}",
            f"{best[way.name] / best[floor]:.2f}",
            f"{_times(taken[way.name], taken[floor]):.2f}",
            f"{max(peak for _, peak in taken[way.name]):.0f}",
        )
    console.print(table)


def _times(rounds: list[tuple[float, float]], floor: list[tuple[float, float]]) -> float:
    """The median over the rounds of how many times the floor of the same round it took."""
    return statistics.median(mine[0] / least[0] for mine, least in zip(rounds, floor, strict=True))
