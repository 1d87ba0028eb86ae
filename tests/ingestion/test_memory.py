"""A batch holds blocks of a table, never the table: its memory does not grow with the rows."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from config.settings import Settings
from tests.ingestion.big_table import CATALOG, FILL, ROWS, TEXT_BYTES
from tests.shop import create

BOUND_MB = 150

pytestmark = [
    pytest.mark.services,
    pytest.mark.local("the process that is measured is told of this machine's warehouse"),
    pytest.mark.skipif(
        not Path("/proc/self/status").exists(), reason="Linux alone tells the peak of a process"
    ),
]


def test_a_table_is_loaded_in_a_fraction_of_the_memory_that_its_rows_take(
    own_settings: Settings, database: str, project_root: Path
) -> None:
    assert ROWS * TEXT_BYTES / 1e6 > 2 * BOUND_MB, "held as a whole, it would break the bound twice"
    with psycopg.connect(database, autocommit=True, connect_timeout=10) as source:
        create(source, CATALOG.tables)
        source.execute(FILL.encode())
    env = {
        "WWI_TARGET": "local",
        "WWI_HOME": str(own_settings.home),
        "WWI_SOURCE_DSN": database,
        "WWI_DATASET_PREFIX": own_settings.dataset_prefix,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.ingestion.peak_memory"],
        cwd=project_root,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[-1]) < BOUND_MB
