"""The local warehouse, writing down what its engine runs: `python -m tests.bench.recorder start ...`.

What is recorded, in the file that WWI_BENCH_RECORD names, can be run again on a copy of the data in the bare
engine: the floor of a build, which has no dbt, no HTTP and no translation.
"""

import os
import pickle
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bqemulator.cli import main
from bqemulator.config import PersistenceMode
from bqemulator.config import Settings as EngineSettings
from bqemulator.storage.engine import CATALOG_SCHEMA, SNAPSHOTS_SCHEMA, DuckDBEngine

from sandbox.emulator import apply_patches

RECORD = "WWI_BENCH_RECORD"
BOOKKEEPING = (CATALOG_SCHEMA, SNAPSHOTS_SCHEMA)


@dataclass(frozen=True)
class Ran:
    """A statement of the engine, and the seconds that it took."""

    sql: str
    parameters: list[Any] | None
    seconds: float

    @property
    def is_bookkeeping(self) -> bool:
        """Whether it is about the emulator's own catalog."""
        return any(schema in self.sql for schema in BOOKKEEPING)


def record(file: Path) -> None:
    """Have the engine of this process append each statement to the file."""
    execute = DuckDBEngine.execute

    def recorded(self: DuckDBEngine, sql: str, parameters: list[Any] | None = None) -> Any:
        started = time.perf_counter()
        result = execute(self, sql, parameters)
        seconds = time.perf_counter() - started
        with file.open("ab") as out:
            pickle.dump((sql, parameters, seconds), out)
        return result

    DuckDBEngine.execute = recorded  # type: ignore[method-assign]


def recorded(file: Path) -> Iterator[Ran]:
    """Read what was recorded."""
    with file.open("rb") as source:
        while source.peek(1):
            yield Ran(*pickle.load(source))


async def replay(data: Path, statements: list[Ran]) -> float:
    """Run the statements on the data of a warehouse that is down, and return the seconds that they took."""
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
    apply_patches()
    record(Path(os.environ[RECORD]))
    main()
