"""Test that no output and no file contains the source's password, at any log level."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from config.settings import Settings

pytestmark = pytest.mark.services

PASSWORD = "correct horse/battery%staple"  # percent-encoded in a DSN
SPELLINGS = (PASSWORD, quote(PASSWORD, safe=""))

# log everything of every library
LOG_EVERYTHING = "import logging, sys; logging.basicConfig(level=logging.DEBUG); "
COMMAND = LOG_EVERYTHING + "from cli import main; main(sys.argv[1:])"
FLOW = LOG_EVERYTHING + (
    "from flows.prefect_api import start_prefect_api; from config.settings import Settings; "
    "wait_until_ready = start_prefect_api(Settings(_env_file=None)); "
    "from flows.daily import daily_load; wait_until_ready(); daily_load()"
)
BUILD = LOG_EVERYTHING + (
    "from pathlib import Path; from transform import dbt; from config.settings import Settings; "
    "dbt.build(Settings(_env_file=None), vault_dir=Path(sys.argv[1]))"
)
DEBUG_LOGGING = {
    "PREFECT_LOGGING_LEVEL": "DEBUG",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "DEBUG",
    "PREFECT_LOGGING_TO_API_ENABLED": "true",
}


@pytest.fixture
def environment(settings: Settings, tmp_path: Path) -> dict[str, str]:
    """Return environment variables with a separate home and debug logging."""
    (tmp_path / "services").symlink_to(settings.home / "services", target_is_directory=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    own = {"WWI_HOME": str(tmp_path), "WWI_DATASET_PREFIX": settings.dataset_prefix}
    return kept | DEBUG_LOGGING | own


def with_password(settings: Settings, host: str = "") -> str:
    """Return a DSN with PASSWORD, which the server rejects."""
    parts = psycopg.conninfo.conninfo_to_dict(str(settings.source_dsn))
    return f"postgresql://wwi_reader:{SPELLINGS[1]}@{host or parts['host']}:{parts['port']}/{parts['dbname']}"


def run(program: str, *arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, timeout=300, check=False)


def outputs(done: subprocess.CompletedProcess[bytes], home: Path) -> dict[str, bytes]:
    """Return stdout, stderr and every file that the command wrote."""
    assert len(done.stderr) > 200, "nothing was logged, so the test proves nothing"
    files = {str(file.relative_to(home)): file.read_bytes() for file in home.rglob("*") if file.is_file()}
    return {"stdout": done.stdout, "stderr": done.stderr, **files}


def names_with_password(contents: Mapping[str, bytes]) -> list[str]:
    return [name for name, text in contents.items() if any(each.encode() in text for each in SPELLINGS)]


@pytest.mark.parametrize("fault", ["a wrong password", "a wrong host", "a DSN that cannot be read"])
def test_a_failed_ingest_shows_no_password(
    settings: Settings, environment: dict[str, str], tmp_path: Path, fault: str
) -> None:
    dsn = {
        "a wrong password": with_password(settings),
        "a wrong host": with_password(settings, "no-such-host.invalid"),
        "a DSN that cannot be read": f"host=127.0.0.1 password='{PASSWORD}",
    }[fault]
    done = run(COMMAND, "ingest", environment=environment | {"WWI_SOURCE_DSN": dsn})
    assert done.returncode == 1
    assert b"WWI_SOURCE_DSN" in done.stderr or b"no-such-host" in done.stderr
    assert names_with_password(outputs(done, tmp_path)) == []


@pytest.mark.proof
def test_a_failed_flow_stores_no_password_in_prefect(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Run the flow directly, because `wwi run` finds a wrong password before it starts Prefect."""
    done = run(FLOW, environment=environment | {"WWI_SOURCE_DSN": with_password(settings)})
    assert done.returncode == 1
    contents = outputs(done, tmp_path)
    assert b"daily" in contents["prefect/prefect.db"] + contents.get("prefect/prefect.db-wal", b"")
    assert names_with_password(contents) == []


def test_a_failed_build_logs_no_password(
    settings: Settings, environment: dict[str, str], tmp_path: Path, project_root: Path
) -> None:
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    (project / "dbt_project.yml").write_text("{name: tiny, version: 0.1.0, config-version: 2, profile: wwi}")
    (project / "profiles.yml").write_text((project_root / "vault" / "profiles.yml").read_text())
    (project / "models" / "bad.sql").write_text("select no_such_column")
    done = run(BUILD, str(project), environment=environment | {"WWI_SOURCE_DSN": with_password(settings)})
    contents = outputs(done, tmp_path)
    assert b"no_such_column" in contents["stderr"]
    assert names_with_password(contents) == []


def test_a_logged_password_is_found(settings: Settings) -> None:
    contents = {"a log": with_password(settings).encode(), "a message": PASSWORD.encode(), "other": b"x"}
    assert names_with_password(contents) == ["a log", "a message"]
