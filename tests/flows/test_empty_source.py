"""A scheduled load of an empty source is skipped, and says how to fill the source."""

import json
import subprocess
import sys

import psycopg
import pytest

from config.settings import Settings
from metadata.spec import Catalog
from operations.preflight import empty_source

pytestmark = pytest.mark.services

SCHEDULED = """
import json
from flows.prefect_api import start_prefect_api
from config.settings import Settings
wait_until_ready = start_prefect_api(Settings())
from flows.deployed import load
wait_until_ready()
state = load(return_state=True)
print(json.dumps([state.type.value, state.name, state.message]))
"""


def test_a_scheduled_load_of_an_empty_source_is_skipped(running: Settings, project_root: object) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCHEDULED],
        capture_output=True, text=True, timeout=150, check=False, cwd=str(project_root),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    kind, name, message = json.loads(done.stdout.splitlines()[-1])
    assert (kind, name) == ("COMPLETED", "Skipped")
    assert "the source is empty" in message
    assert "wwi source simulate" in message


def test_only_an_empty_source_is_called_empty(running: Settings, catalog: Catalog, source_dsn: str) -> None:
    assert "has none of the" in (empty_source(running, catalog) or "")
    nowhere = "postgresql://reader@127.0.0.1:9/wwi"
    assert empty_source(running.model_copy(update={"source_dsn": nowhere}), catalog) is None
    with psycopg.connect(source_dsn, autocommit=True) as admin:
        admin.execute("create schema if not exists application")
        admin.execute("create table application.countries (country_id int primary key)")
        assert "has a row" in (empty_source(running, catalog) or "")
        admin.execute("insert into application.countries values (1)")
        assert empty_source(running, catalog) is None
