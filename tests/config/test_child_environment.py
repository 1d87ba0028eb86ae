"""Variables and files of other dbt and Prefect projects do not change a load."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from config import child_environment
from config.child_environment import dbt_variables, remove
from config.settings import Settings
from flows.external_prefect import check_access, check_alive
from metadata.errors import WwiError
from tests.vault.conftest import make_project
from transform import dbt
from transform.dbt_invocation import VAULT_DIR
from warehouse.client import connect
from warehouse.queries import query

# each of these changes, stops or empties a build of dbt 1.11
FOREIGN_DBT = {
    "DBT_EMPTY": "1",
    "DBT_ENGINE_EMPTY": "1",
    "DBT_RESOURCE_TYPES": "seed",
    "DBT_EXCLUDE_RESOURCE_TYPES": "model",
    "DBT_TARGET": "bigquery",
    "DBT_PROFILE": "other",
    "DBT_PROFILES_DIR": "/nowhere",
    "DBT_PROJECT_DIR": "/nowhere",
    "DBT_STATE": "/nowhere",
    "DBT_DEFER": "1",
    "DBT_FAVOR_STATE": "1",
    "DBT_SAMPLE": "1 day",
    "DBT_EVENT_TIME_START": "2020-01-01",
    "DBT_EVENT_TIME_END": "2020-01-02",
    "DBT_INDIRECT_SELECTION": "empty",
    "DBT_FULL_REFRESH": "1",
    "DBT_FAIL_FAST": "1",
    "DBT_STORE_FAILURES": "1",
    "DBT_WARN_ERROR": "1",
    "DBT_WARN_ERROR_OPTIONS": '{"error": "all"}',
    "DBT_POPULATE_CACHE": "0",
    "DBT_INTROSPECT": "0",
    "DBT_WRITE_JSON": "0",
    "DBT_SINGLE_THREADED": "1",
    "DBT_TARGET_PATH": "/proc/nowhere",
    "DBT_LOG_PATH": "/proc/nowhere",
    "DBT_MACRO_DEBUGGING": "1",
    "DBT_RECORDER_MODE": "replay",
}
FOREIGN_PREFECT = {
    "PREFECT_TASKS_DEFAULT_RETRIES": "3",
    "PREFECT_FLOWS_DEFAULT_RETRIES": "3",
    "PREFECT_TASKS_REFRESH_CACHE": "1",
    "prefect_tasks_default_persist_result": "1",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "1",
    "PREFECT_TEST_MODE": "1",
    "PREFECT_PROFILES_PATH": "/nowhere",
    "PREFECT_PROFILE": "other",
    "PREFECT_HOME": "/nowhere",
    "PREFECT_LOGGING_SETTINGS_PATH": "/nowhere",
    "PREFECT_API_DATABASE_CONNECTION_URL": "postgresql://somebody@else/prefect",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql://somebody@else/prefect",
}
FOREIGN_FILES = {
    ".env": "PREFECT_TASKS_DEFAULT_RETRIES=4\nPREFECT_PROFILES_PATH=other.toml\nDBT_EMPTY=1\n",
    "prefect.toml": "[flows]\ndefault_retries = 5\n[tasks]\nrefresh_cache = true\n",
    "pyproject.toml": "[tool.prefect.results]\npersist_by_default = true\n",
    "other.toml": 'active = "x"\n[profiles.x]\nPREFECT_TASKS_DEFAULT_RETRY_DELAY_SECONDS = "9"\n',
    "dbt_project.yml": "not: a project",
    "profiles.yml": "not: a profile",
    "dbt_cloud.yml": "version: 1",
    "selectors.yml": "selectors: []",
    "uvicorn.py": "raise SystemExit('a module of the current folder was imported')",
    "prefect_dbt.py": "raise SystemExit('a module of the current folder was imported')",
}
# runs like `wwi`, in a separate process, because Prefect reads its settings once, on import
PRINT_PREFECT_SETTINGS = """
import json
from flows.prefect_api import start_prefect_api
from config.settings import Settings
wait_until_ready = start_prefect_api(Settings(_env_file=None))
from prefect import flow, task
from prefect.settings import get_current_settings
found = {}
def read(place):
    current = get_current_settings()
    found[place] = {
        "retries": [current.tasks.default_retries, current.flows.default_retries],
        "delay": current.tasks.default_retry_delay_seconds,
        "cached": [current.tasks.refresh_cache, current.results.persist_by_default],
        "kept": current.tasks.default_persist_result,
        "home": str(current.home),
    }
@task
def inner():
    read("task")
@flow
def outer():
    read("flow")
    inner()
    inner.submit().wait()
wait_until_ready()
outer()
print(json.dumps(found))
"""


@pytest.fixture
def foreign_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with files of other projects."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for name, text in FOREIGN_FILES.items():
        (folder / name).write_text(text)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.services
def test_variables_of_other_dbt_projects_do_not_change_a_build(
    settings: Settings, foreign_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models" / "marts"
    models.mkdir(parents=True)
    (models / "one.sql").write_text("select 1 as n union all select 2 as n")
    (models / "two.sql").write_text("select n from {{ ref('one') }}")
    (models / "_models.yml").write_text("models: [{name: two, columns: [{name: n, data_tests: [unique]}]}]")
    project = make_project(tmp_path / "project", tmp_path / "models", VAULT_DIR / "offline")
    for name, value in FOREIGN_DBT.items():
        monkeypatch.setenv(name, value)
    report = dbt.build(settings, vault_dir=project)
    assert (report.models_passed, report.tests_passed, report.skipped) == (2, 1, 0)
    table = f"{settings.dataset('marts')}.two"
    assert query(connect(settings), f"select count(*) as n from {table}")[0]["n"] == 2
    builds = f"{settings.dataset('audit')}.builds"
    (build,) = query(connect(settings), f"select packages, packages_origin from {builds}")
    assert build["packages_origin"] == "offline"
    assert json.loads(build["packages"])["automate_dv"] == "0.11.5+offline"
    assert {name: os.environ.get(name) for name in FOREIGN_DBT} == FOREIGN_DBT
    assert {path.name for path in foreign_folder.iterdir()} == set(FOREIGN_FILES)


@pytest.mark.proof
def test_settings_of_other_projects_do_not_change_prefect(foreign_folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-P", "-c", PRINT_PREFECT_SETTINGS],
        env=without_prefect() | FOREIGN_PREFECT | {"WWI_HOME": str(home)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    expected = {
        "retries": [0, 0],
        "delay": 0,
        "cached": [False, False],
        "kept": None,
        "home": str(home / "prefect"),
    }
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {"flow": expected, "task": expected}
    assert (home / "prefect" / "prefect.db").exists(), "the server has its own database"
    warnings = [line for line in done.stderr.splitlines() if line.startswith("ignored:")]
    assert len(warnings) == 1
    assert "PREFECT_TASKS_DEFAULT_RETRIES" in warnings[0]
    assert "PREFECT_HOME" not in warnings[0]
    assert "somebody" not in done.stderr


def without_prefect() -> dict[str, str]:
    own = ("PREFECT_", "WWI_", "DBT_")
    return {name: value for name, value in os.environ.items() if not name.startswith(own)}


def test_removed_variables_are_reported_once_and_restored(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(child_environment, "_warned", set())
    monkeypatch.setenv("DBT_EMPTY", "secret value")
    monkeypatch.setenv("DBT_ENV_SECRET_TOKEN", "x")
    monkeypatch.setenv("WWI_DBT_THREADS", " ")
    for _ in range(2):
        with dbt_variables({"DBT_TARGET_PATH": "here"}):
            assert os.environ["DBT_TARGET_PATH"] == "here"
            assert not {"DBT_EMPTY", "DBT_ENV_SECRET_TOKEN", "WWI_DBT_THREADS"} & set(os.environ)
        assert os.environ["DBT_EMPTY"] == "secret value"
        assert "DBT_TARGET_PATH" not in os.environ
    assert [record.getMessage().partition(".")[0] for record in caplog.records] == ["ignored: DBT_EMPTY"]


def test_empty_variables_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "")
    remove("PREFECT_", kept=child_environment.KEPT)
    assert "PREFECT_LOGGING_LEVEL" not in os.environ


@pytest.fixture
def web_server() -> Iterator[str]:
    """A server that is not Prefect. It answers with the status in the path: 200, 401, 404 ..."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(self.path.split("/")[1]))
            self.end_headers()
            self.wfile.write(b"<html>")

        do_POST = do_GET  # noqa: N815 - http.server requires these names

        def log_message(self, *_: object) -> None:
            """Do not log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://127.0.0.1:9/api", "no Prefect API answers"),
        ("http://no-such-host.invalid/api", "no Prefect API answers"),
        ("http://somebody:hidden@127.0.0.1:9/api", "no Prefect API answers at PREFECT_API_URL=http://127"),
        ("localhost:4200/api", "does not begin with http"),
        ("{server}/200/api", "is not the URL of a Prefect API"),
        ("{server}/401/api", "PREFECT_API_KEY or PREFECT_API_AUTH_STRING"),
        ("{server}/404", "It usually ends with /api"),
        ("{server}/503/api", "HTTP 503"),
    ],
)
def test_an_unusable_prefect_api_is_reported(
    url: str, problem: str, web_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", url.format(server=f"http://{web_server}"))

    def check() -> None:
        check_alive()
        with temporary_settings({PREFECT_API_URL: os.environ["PREFECT_API_URL"]}):
            check_access()

    with pytest.raises(WwiError, match=problem) as raised:
        check()
    assert "hidden" not in str(raised.value)
