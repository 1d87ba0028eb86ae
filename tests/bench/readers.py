"""Compare readers of Postgres: one table of a million rows, several rounds with every tool.

The baseline is `psql` that discards the CSV of a COPY.
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
class Tool:
    """A tool: `command` gets an empty folder and the number of the round.

    `prints_seconds`: the program prints its duration, which does not include the start of Python.
    """

    name: str
    command: Callable[[Path, int], Child]
    prints_seconds: bool = True


def measure(console: Console) -> None:
    """Measure, and print a row for each tool."""
    with tempfile.TemporaryDirectory(prefix="wwi-bench-") as home:
        settings = Settings(home=Path(home), _env_file=None)
        try:
            dsn = postgres.up(settings)["admin_dsn"]
            warehouse.up(settings)
            lines.fill(dsn)
            tools = _tools(settings, dsn)
            taken = _rounds(tools)
        finally:
            warehouse.down(settings)
            postgres.down(settings)
    _print(console, tools, taken)


def _tools(settings: Settings, dsn: str) -> list[Tool]:
    def ours(tool: str) -> Callable[[Path, int], Child]:
        def run(folder: Path, number: int) -> Child:
            env = {
                "WWI_TARGET": "local",
                "WWI_HOME": str(settings.home),
                "WWI_SOURCE_DSN": dsn,
                "WWI_DATASET_PREFIX": f"round{number}",
            }
            return child.run([sys.executable, "-m", "tests.bench.ours", tool, folder], env)

        return run

    def other(script: str, *more: str) -> Callable[[Path, int], Child]:
        return lambda folder, _: child.run([OTHERS_PYTHON, OTHERS / script, dsn, TABLE, folder, *more])

    psql, pg_dump = postgres.binary("psql"), postgres.binary("pg_dump")

    def baseline(_: Path, __: int) -> Child:
        return child.run([psql, dsn, "-Xqc", COPY, "-o", "/dev/null"])

    def dump(folder: Path, _: int) -> Child:
        return child.run([pg_dump, dsn, "-t", TABLE, "-f", folder / "dump"])

    return [
        Tool("baseline: COPY, discarded (psql)", baseline, prints_seconds=False),
        Tool("this project, to Parquet", ours("parquet")),
        Tool("ADBC, to Parquet", other("adbc_parquet.py")),
        Tool("ConnectorX, to Parquet", other("connectorx_parquet.py")),
        Tool("pg_dump, to a file", dump, prints_seconds=False),
        Tool("this project, to a loaded table", ours("warehouse")),
        Tool("dlt (pyarrow), to a loaded table", other("dlt_duckdb.py", "pyarrow")),
        Tool("dlt (connectorx), to a loaded table", other("dlt_duckdb.py", "connectorx")),
    ]


def _rounds(tools: list[Tool]) -> dict[str, list[tuple[float, float]]]:
    """Return seconds and peak MB of each round of each tool, without the first round, which warms up."""
    taken: dict[str, list[tuple[float, float]]] = {tool.name: [] for tool in tools}
    for number in range(ROUNDS + 1):
        for tool in tools:
            with tempfile.TemporaryDirectory(prefix="wwi-bench-tool-") as folder:
                done = tool.command(Path(folder), number)
            seconds = float(done.output.split()[-1]) if tool.prints_seconds else done.seconds
            if number > 0:
                taken[tool.name].append((seconds, done.peak_mb))
    return taken


def _print(console: Console, tools: list[Tool], taken: dict[str, list[tuple[float, float]]]) -> None:
    table = Table("tool", "best s", "median s", "best / baseline", "median / baseline", "peak MB")
    best = {name: min(seconds for seconds, _ in rounds) for name, rounds in taken.items()}
    median = {name: statistics.median(seconds for seconds, _ in rounds) for name, rounds in taken.items()}
    baseline = tools[0].name
    for tool in tools:
        table.add_row(
            tool.name,
            f"{best[tool.name]:.2f}",
            f"{median[tool.name]:.2f}",
            f"{best[tool.name] / best[baseline]:.2f}",
            f"{_median_ratio(taken[tool.name], taken[baseline]):.2f}",
            f"{max(peak for _, peak in taken[tool.name]):.0f}",
        )
    console.print(table)


def _median_ratio(rounds: list[tuple[float, float]], baseline: list[tuple[float, float]]) -> float:
    """Return the median of the ratios to the baseline of the same round."""
    return statistics.median(mine[0] / base[0] for mine, base in zip(rounds, baseline, strict=True))
