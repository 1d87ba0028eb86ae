"""Run the local warehouse and record its engine statements: `python -m tests.bench.recorder start ...`.

They are stored in the file WWI_BENCH_RECORD and can run again in the engine alone, on a copy of the data: the
baseline of a build, without dbt, HTTP and translation.
"""

import os
import pickle
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bqemulator.config import PersistenceMode
from bqemulator.config import Settings as EngineSettings
from bqemulator.storage.engine import CATALOG_SCHEMA, SNAPSHOTS_SCHEMA, DuckDBEngine

from sandbox.emulator.__main__ import run

RECORD = "WWI_BENCH_RECORD"
BOOKKEEPING = (CATALOG_SCHEMA, SNAPSHOTS_SCHEMA)


@dataclass(frozen=True)
class Statement:
    """A statement of the engine and its duration in seconds."""

    sql: str
    parameters: list[Any] | None
    seconds: float

    @property
    def is_bookkeeping(self) -> bool:
        """Whether it uses the emulator's own catalog."""
        return any(schema in self.sql for schema in BOOKKEEPING)


def record(file: Path) -> None:
    """Append each statement of the engine in this process to the file."""
    execute = DuckDBEngine.execute

    def recording_execute(self: DuckDBEngine, sql: str, parameters: list[Any] | None = None) -> Any:
        started = time.perf_counter()
        result = execute(self, sql, parameters)
        seconds = time.perf_counter() - started
        with file.open("ab") as out:
            pickle.dump((sql, parameters, seconds), out)
        return result

    DuckDBEngine.execute = recording_execute  # type: ignore[method-assign]


def recorded_statements(file: Path) -> Iterator[Statement]:
    """Read the recorded statements."""
    with file.open("rb") as source:
        while source.peek(1):
            yield Statement(*pickle.load(source))


async def replay(data: Path, statements: list[Statement]) -> float:
    """Run the statements on the data of a stopped warehouse and return the duration in seconds."""
    engine = DuckDBEngine(EngineSettings(data_dir=data, persistence_mode=PersistenceMode.PERSISTENT))
    await engine.start()
    try:
        started = time.perf_counter()
        for each in statements:
            engine.execute(each.sql, each.parameters).fetchall()
        return time.perf_counter() - started
    finally:
        await engine.stop()


if __name__ == "__main__":
    record(Path(os.environ[RECORD]))
    run()
