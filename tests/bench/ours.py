"""Run our own reader in a separate process, like the others: `python -m tests.bench.ours TARGET FOLDER`.

Settings come from the environment. Prints the duration in seconds, without the start of Python.
"""

import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from config.settings import Settings
from ingestion.batch import run_batch
from ingestion.extract.table_reader import TableTask, extract_table
from ingestion.read_window import Window
from ingestion.source import postgres
from ingestion.source.identity import Identity
from ingestion.source.postgres import TableCount
from tests.bench.lines import CATALOG, LINES, ROWS


def to_parquet(settings: Settings, folder: Path) -> None:
    """Read the table into staged files: with types, system columns, a file of keys and a checksum."""
    with closing(postgres.connect(settings)) as coordinator:
        exported = postgres.export_snapshot(coordinator, [LINES])
        task = TableTask(
            table=LINES,
            window=Window("full", "benchmark"),
            window_to=exported.snapshot.text,
            previous=None,
            count=TableCount(rows=ROWS, changed=ROWS, controls={}),
            has_key=True,
            identity=Identity(database="", relation=0, columns={}),
            batch_id=1,
            load_dts=datetime.now(UTC),
        )
        with closing(postgres.open_reader(settings, exported)) as reader:
            extract_table(reader, task, folder, _no_keys)


def to_warehouse(settings: Settings, _: Path) -> None:
    """Run a complete batch."""
    run_batch(settings, CATALOG)


def _no_keys(*_: object) -> NoReturn:
    raise AssertionError("a first load compares no keys")


if __name__ == "__main__":
    target = {"parquet": to_parquet, "warehouse": to_warehouse}[sys.argv[1]]
    settings = Settings(_env_file=None)
    started = time.monotonic()
    target(settings, Path(sys.argv[2]))
    print(time.monotonic() - started)
