"""A batch reads tables in blocks, so its memory does not grow with the number of rows."""

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
    pytest.mark.local("the measured process uses the local warehouse"),
    pytest.mark.skipif(
        not Path("/proc/self/status").exists(), reason="only Linux reports the peak memory of a process"
    ),
]


@pytest.mark.proof
def test_a_large_table_is_loaded_in_limited_memory(
    own_settings: Settings, database: str, project_root: Path
) -> None:
    assert ROWS * TEXT_BYTES / 1e6 > 2 * BOUND_MB, "the whole table in memory would exceed twice the limit"
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
