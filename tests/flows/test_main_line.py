"""The daily load as users run it: real services, real commands, and runs that are killed."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psutil
import pytest

from config.settings import Settings
from tests import temporary_datasets
from tests.loopback import receiving
from transform.dbt_invocation import VAULT_DIR, dbt_environment
from warehouse.client import connect
from warehouse.queries import execute

pytestmark = [pytest.mark.services, pytest.mark.end_to_end]

WWI = Path(sys.executable).parent / "wwi"
Wwi = Callable[..., subprocess.CompletedProcess[str]]
Count = Callable[..., int]
WEST = ZoneInfo("America/Los_Angeles")


# models of which a daily load reads more with every day of history; see docs/adr/0011
STILL_GROWING = {
    # few keys with a new version every day: one key range contains them all
    "sat_stock_item__holding",
    "pit_stock_holding",
}

# what a user on a real project has in the environment
KEPT = (
    "WWI_TARGET",
    "WWI_BIGQUERY_PROJECT",
    "WWI_BIGQUERY_LOCATION",
    "WWI_BIGQUERY_ENDPOINT",
    "WWI_PERSONAL_POLICY_TAG",
    "WWI_ALLOW_OFFLINE_PACKAGES",
)


@pytest.fixture(scope="module")
def platform() -> Iterator[Settings]:
    """A platform for this module only; its services and datasets are removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="wwi-main-line-") as folder:
        settings = Settings(home=Path(folder), _env_file=None)
        settings = settings.model_copy(
            update={"dataset_prefix": temporary_datasets.new_prefix(settings, "line")}
        )
        with temporary_datasets.datasets(settings):
            yield settings
            for service in ("source", "warehouse"):
                subprocess.run([WWI, service, "down"], env=environment(settings), timeout=60, check=False)


def environment(platform: Settings) -> dict[str, str]:
    foreign = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT or not name.startswith(("WWI_", "PREFECT_"))
    }
    return {**foreign, "WWI_HOME": str(platform.home), "WWI_DATASET_PREFIX": platform.dataset_prefix}


@pytest.fixture(scope="module")
def wwi(platform: Settings) -> Wwi:
    """Run a `wwi` command on this platform."""

    timeout_s = 400 if platform.target == "local" else 3000

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [WWI, *arguments],
            env=environment(platform),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def loaded(wwi: Wwi, platform: Settings) -> Wwi:
    """`wwi`, after twenty days of business were simulated and loaded."""
    local_warehouse = [("warehouse", "up")] if platform.target == "local" else []
    for arguments in (
        ("source", "up"),
        *local_warehouse,
        ("source", "simulate", "--days", "20", "--scale", "0.2"),
        ("run",),
    ):
        done = wwi(*arguments)
        assert done.returncode == 0, f"wwi {' '.join(arguments)}: {done.stderr[-2000:]}"
    return wwi


def address(home: Path, service: str) -> dict[str, int]:
    content: dict[str, int] = json.loads((home / "services" / f"{service}.json").read_text())
    return content


@pytest.fixture(scope="module")
def count(wwi: Wwi, platform: Settings) -> Count:
    """Return the number of rows of a query such as `marts.dim_city where ...`."""

    def run(rows: str, what: str = "*") -> int:
        sql = f"select count({what}) as n from {platform.dataset_prefix}_{rows}"
        answer = wwi("query", sql, "--format", "json")
        assert answer.returncode == 0, answer.stderr
        return int(json.loads(answer.stdout)[0]["n"])

    return run


def test_the_first_run_loads_every_layer_and_they_agree(loaded: Wwi, count: Count) -> None:
    assert count("marts.fct_order") > 300
    assert count("marts.fct_sale where lineage_key = 1") > 300
    assert count("marts.dim_customer where customer_key = 0") == 1
    assert loaded("reconcile").returncode == 0


@pytest.mark.proof
def test_the_unit_tests_of_the_models_pass(loaded: Wwi, platform: Settings) -> None:
    folders = ["--project-dir", VAULT_DIR, "--profiles-dir", VAULT_DIR]
    done = subprocess.run(
        [WWI.parent / "dbt", "test", "--select", "test_type:unit", *folders],
        env=environment(platform) | dbt_environment(platform),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    passed = re.search(r"PASS=(\d+)", done.stdout)
    assert passed, done.stdout[-2000:]
    assert int(passed[1]) >= 12


@pytest.mark.proof
def test_a_dry_run_accepts_every_node_and_changes_nothing(loaded: Wwi, count: Count) -> None:
    before = count("audit.vault_loads")
    shown = loaded("build", "--dry-run", "--select", "marts", "--json")
    assert shown.returncode == 0, shown.stderr[-2000:]
    estimates = json.loads(shown.stdout)["estimates"]
    assert [each for each in estimates if each["missing"] is not None] == []
    kinds = [each["kind"] for each in estimates]
    assert kinds.count("model") == len(list((VAULT_DIR / "models" / "marts").rglob("*.sql")))
    assert kinds.count("test") > 30
    assert count("audit.vault_loads") == before
    printed = loaded("build", "--dry-run", "--select", "dim_city")
    assert "This warehouse cannot estimate bytes. All " in printed.stdout


def test_every_model_of_the_build_was_a_task_and_the_summary_is_published(
    loaded: Wwi, platform: Settings
) -> None:
    with sqlite3.connect(f"file:{platform.home}/prefect/prefect.db?mode=ro", uri=True) as history:
        names = {
            name for (name,) in history.execute("select name from task_run where state_type = 'COMPLETED'")
        }
        (summary,) = history.execute("select data from artifact where key = 'daily-load'").fetchone()
    assert {"model hub_customer", "model sat_order_line__details", "model fct_sale"} <= names
    assert not [name for name in names if name.startswith("test ")]
    assert "source = raw = vault = marts" in summary


@pytest.mark.proof
def test_deployments_are_served_late_runs_collapse_and_failures_are_notified(
    loaded: Wwi, platform: Settings
) -> None:
    """Of two late runs one is skipped, a failed run notifies the webhook, schedules are planned."""
    with receiving() as (webhook, received), served(platform, webhook) as (server, api):
        days_ago = [(datetime.now(UTC) - timedelta(days=days)).isoformat() for days in (2, 1)]
        late = [
            started(
                api, "load/intraday", state={"type": "SCHEDULED", "state_details": {"scheduled_time": day}}
            )
            for day in days_ago
        ]
        wrong = started(
            api, "backfill/on-demand", parameters={"first_day": "2013-01-02", "last_day": "2013-01-01"}
        )
        ends = [end_of(api, run) for run in (*late, wrong)]
        assert [state["name"] for state in ends] == ["Completed", "Skipped", "Failed"]
        assert "nothing changed, nothing built" in ends[0]["message"]
        assert "loaded everything" in ends[1]["message"]
        assert [(each["deployment"], each["flow"]) for each in received] == [("on-demand", "backfill")]
        assert received[0]["error"] == "PermanentError: " + (
            "nothing to backfill: 2013-01-01 is before 2013-01-02. Swap the two dates."
        )
        (summary,) = ask(api, "artifacts/filter", artifacts={"flow_run_id": {"any_": [late[0]]}})
        assert (summary["key"], summary["type"]) == ("daily-load", "markdown")
        assert "nothing built" in summary["data"]
        nightly = {"deployments": {"name": {"any_": ["nightly"]}}}
        planned = wait_for(lambda: ask(api, "flow_runs/filter", **nightly))
        local = [datetime.fromisoformat(run["expected_start_time"]).astimezone(WEST) for run in planned]
        assert {(when.hour, when.minute) for when in local} == {(3, 15)}
        children = psutil.Process(server.pid).children(recursive=True)
        server.send_signal(signal.SIGINT)
        assert server.wait(100) == 0
        _, alive = psutil.wait_procs(children, timeout=15)
        assert not alive
    assert not (platform.home / "services" / "prefect.json").exists()


@contextmanager
def served(platform: Settings, webhook: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `wwi serve` on the platform; yield the process and the URL of its API."""
    env = environment(platform) | {"WWI_FAILURE_WEBHOOK": webhook, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    with subprocess.Popen(
        [WWI, "serve"], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            assert line.startswith("serving the deployments of prefect.yaml"), line
            yield server, f"{line.split()[-1]}/api"
        finally:
            server.terminate()


def ask(api: str, path: str, **body: object) -> Any:
    """Call Prefect's API: POST with a body, GET without."""
    request = urllib.request.Request(
        f"{api}/{path}",
        data=json.dumps(body).encode() if body else None,
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def started(api: str, deployment: str, **body: object) -> str:
    """Start a run of the deployment; return its id."""
    found = ask(api, f"deployments/name/{deployment}")
    return str(ask(api, f"deployments/{found['id']}/create_flow_run", name="asked", **body)["id"])


def end_of(api: str, run: str) -> dict[str, Any]:
    """Wait for the end of the run; return its state."""
    final = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
    state: dict[str, Any] = wait_for(
        lambda: found if (found := ask(api, f"flow_runs/{run}")["state"] or {}).get("type") in final else None
    )
    return state


def wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 240
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    return value


def test_a_daily_build_runs_affected_models_and_reports_a_failed_node(
    loaded: Wwi, platform: Settings
) -> None:
    """The failure is in a hub that most facts depend on, so downstream models are skipped."""
    assert loaded("source", "simulate", "--days", "1", "--scale", "0.2").returncode == 0
    hub = f"{platform.dataset('raw_vault')}.hub_order"
    injected = "select md5('injected'), -1, timestamp '2013-01-01 00:00:00+00', 'test'"
    client = connect(platform)
    execute(client, f"insert into {hub} {injected} union all {injected}")
    done = loaded("run")
    execute(client, f"delete from {hub} where order_id = -1")
    assert done.returncode == 1
    assert "hub_order" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    audit = platform.dataset("audit")
    nodes = loaded(
        "query",
        f"select scope, name from {audit}.build_nodes as nodes "
        f"inner join (select * from {audit}.builds order by started_at desc limit 1) as builds "
        "on nodes.invocation_id = builds.invocation_id",
        "--format", "json",
    )  # fmt: skip
    built = {row["name"] for row in json.loads(nodes.stdout) if row["scope"] == "touched"}
    assert {"stg_wwi__orders", "hub_order", "pit_order_line", "bv_snapshot", "fct_sale"} <= built
    assert not {"stg_wwi__countries", "hub_country", "dim_payment_method"} & built


@pytest.mark.proof
def test_ctrl_c_ends_the_run_and_its_child_processes(loaded: Wwi, count: Count, platform: Settings) -> None:
    assert loaded("source", "simulate", "--days", "1", "--scale", "0.2").returncode == 0
    builds = count("audit.builds")
    running = subprocess.Popen(
        [WWI, "run"], env=environment(platform), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    wait_for(lambda: count("audit.builds") > builds)  # the next one has started
    children = psutil.Process(running.pid).children(recursive=True)
    os.killpg(running.pid, signal.SIGINT)
    _, messages = running.communicate(timeout=60)
    assert running.returncode == 130, messages
    assert "Traceback" not in messages
    _, alive = psutil.wait_procs(children, timeout=15)
    assert not alive


@pytest.mark.local("it kills the emulator")
def test_a_run_without_a_warehouse_says_so(loaded: Wwi, platform: Settings) -> None:
    killed = psutil.Process(address(platform.home, "warehouse")["pid"])
    killed.kill()
    killed.wait(10)
    refused = loaded("ingest")
    assert refused.returncode == 1
    assert "wwi warehouse up" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert loaded("warehouse", "up").returncode == 0


@pytest.mark.proof
def test_a_killed_run_is_continued_by_the_next(loaded: Wwi, count: Count, platform: Settings) -> None:
    assert loaded("source", "simulate", "--days", "1", "--scale", "0.2").returncode == 0
    before, builds = count("audit.vault_loads"), count("audit.builds")
    running = subprocess.Popen(
        [WWI, "run"], env=environment(platform), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(lambda: count("audit.builds") > builds)  # the next one has started
    children = psutil.Process(running.pid).children(recursive=True)
    running.send_signal(signal.SIGKILL)
    running.wait(10)
    _, alive = psutil.wait_procs(children, timeout=15)
    assert not alive, "a killed run leaves no process behind"
    assert count("audit.vault_loads") == before
    again = loaded("run")
    assert again.returncode == 0, again.stderr[-2000:]
    assert count("audit.vault_loads") > before
    assert count("marts.fct_order", "distinct lineage_key") > 1
    assert loaded("reconcile").returncode == 0


@pytest.mark.proof
def test_a_daily_load_reads_its_batch_and_stays_within_its_budget(loaded: Wwi) -> None:
    """Estimated for 2013 to May 2016 (five times the days at a fifth of the scale), and ten times that."""
    shown = loaded("cost", "--days", "6235", "--json")
    assert shown.returncode == 0, shown.stdout[-2000:] + shown.stderr[-2000:]
    models = json.loads(shown.stdout)
    raw_vault = [each for each in models if each["layer"] == "raw_vault"]
    assert len(raw_vault) == len(list((VAULT_DIR / "models" / "raw_vault").rglob("*.sql")))
    vaults = [each for each in models if each["layer"] in {"raw_vault", "business_vault"}]
    assert {each["name"] for each in vaults if each["growth"] > 1.2} - STILL_GROWING == set()
    assert sum(each["later_bytes"] for each in vaults) < 1.2 * sum(each["bytes"] for each in vaults)
