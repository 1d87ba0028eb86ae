"""The whole main line as its users run it: real services, real commands, and one killed in the middle."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from flows.dbt import VAULT_DIR, dbt_environment
from ingestion.settings import Settings

pytestmark = [pytest.mark.services, pytest.mark.end_to_end]

WWI = Path(sys.executable).parent / "wwi"
Wwi = Callable[..., subprocess.CompletedProcess[str]]


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WWI_", "PREFECT_"))}
    return {**kept, "WWI_HOME": str(home)}


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """The home of a platform that nobody else uses; its services end with the module."""
    with tempfile.TemporaryDirectory(prefix="wwi-main-line-") as folder:
        yield Path(folder)
        for service in ("source", "warehouse"):
            subprocess.run([WWI, service, "down"], env=environment(Path(folder)), timeout=60, check=False)


@pytest.fixture(scope="module")
def wwi(home: Path) -> Wwi:
    """Run one command in that home and return what it printed and its exit code."""

    def run(*arguments: str, timeout_s: float = 400) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [WWI, *arguments],
            env=environment(home),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def loaded(wwi: Wwi) -> Wwi:
    """The command, after twenty days of business were simulated and loaded."""
    for arguments in (
        ("source", "up"),
        ("warehouse", "up"),
        ("source", "simulate", "--days", "20", "--scale", "0.2"),
        ("run",),
    ):
        done = wwi(*arguments)
        assert done.returncode == 0, f"wwi {' '.join(arguments)}: {done.stderr[-2000:]}"
    return wwi


def address(home: Path, service: str) -> dict[str, int]:
    content: dict[str, int] = json.loads((home / "services" / f"{service}.json").read_text())
    return content


def one(wwi: Wwi, sql: str) -> int:
    """Return the single number that a query gives."""
    answer = wwi("query", sql, "--format", "json")
    assert answer.returncode == 0, answer.stderr
    return int(next(iter(json.loads(answer.stdout)[0].values())))


def test_the_first_run_loads_every_layer_and_they_agree(loaded: Wwi) -> None:
    assert one(loaded, "select count(*) from wwi_marts.fct_order") > 300
    assert one(loaded, "select count(*) from wwi_marts.fct_sale where lineage_key = 1") > 300
    assert one(loaded, "select count(*) from wwi_marts.dim_customer where customer_key = 0") == 1
    assert loaded("reconcile").returncode == 0


def test_the_unit_tests_of_the_models_pass(loaded: Wwi, home: Path) -> None:
    folders = ["--project-dir", VAULT_DIR, "--profiles-dir", VAULT_DIR]
    done = subprocess.run(
        [WWI.parent / "dbt", "test", "--select", "test_type:unit", *folders],
        env=environment(home) | dbt_environment(Settings(home=home, _env_file=None)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    passed = re.search(r"PASS=(\d+)", done.stdout)
    assert passed, done.stdout[-2000:]
    assert int(passed[1]) >= 12


def test_every_node_of_the_build_was_a_task_and_the_summary_is_kept(loaded: Wwi, home: Path) -> None:
    with sqlite3.connect(f"file:{home}/prefect/prefect.db?mode=ro", uri=True) as history:
        names = {
            name for (name,) in history.execute("select name from task_run where state_type = 'COMPLETED'")
        }
        (summary,) = history.execute("select data from artifact where key = 'daily-load'").fetchone()
    assert {"model hub_customer", "model sat_order_line__details", "model fct_sale"} <= names
    assert sum(name.startswith("test ") for name in names) > 100
    assert "source = raw = vault = marts" in summary


def test_a_failed_node_fails_the_run_and_is_named_with_the_reason(loaded: Wwi) -> None:
    planted = "select md5('planted'), -1, timestamp '2013-01-01 00:00:00+00', 'test'"
    made = loaded("query", f"insert into wwi_raw_vault.hub_country {planted} union all {planted}")
    assert made.returncode == 0, made.stderr
    done = loaded("run")
    removed = loaded("query", "delete from wwi_raw_vault.hub_country where country_id = -1")
    assert removed.returncode == 0, removed.stderr
    assert done.returncode == 1
    assert "hub_country" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_ctrl_c_ends_the_run_and_all_that_it_started(loaded: Wwi, home: Path) -> None:
    running = subprocess.Popen(
        [WWI, "run"], env=environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("build"):
            break
    time.sleep(8)  # dbt is at work
    children = psutil.Process(running.pid).children(recursive=True)
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait(60) == 130
    assert "Traceback" not in running.stderr.read()
    _, alive = psutil.wait_procs(children, timeout=15)
    assert not alive


def test_a_run_without_a_warehouse_says_so_and_the_next_one_ends_right(loaded: Wwi, home: Path) -> None:
    killed = psutil.Process(address(home, "warehouse")["pid"])
    killed.kill()
    killed.wait(10)
    refused = loaded("ingest")
    assert refused.returncode == 1
    assert "wwi warehouse up" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert loaded("warehouse", "up").returncode == 0
    assert loaded("source", "simulate", "--days", "1", "--scale", "0.2").returncode == 0
    again = loaded("run")
    assert again.returncode == 0, again.stderr[-2000:]
    assert one(loaded, "select count(distinct lineage_key) from wwi_marts.fct_order") > 1


def test_a_run_killed_in_the_middle_is_made_good_by_the_next(loaded: Wwi, home: Path) -> None:
    assert loaded("source", "simulate", "--days", "1", "--scale", "0.2").returncode == 0
    running = subprocess.Popen(
        [WWI, "run"], env=environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    before = one(loaded, "select count(*) from wwi_audit.vault_loads")
    deadline = time.monotonic() + 120
    while one(loaded, "select count(*) from wwi_audit.batches where status = 'completed'") <= before:
        assert time.monotonic() < deadline, "the batch was not completed"
        time.sleep(1)
    time.sleep(5)  # somewhere in the build
    children = psutil.Process(running.pid).children(recursive=True)
    running.send_signal(signal.SIGKILL)
    running.wait(10)
    _, alive = psutil.wait_procs(children, timeout=15)
    assert not alive, "a killed run leaves no process behind"
    assert one(loaded, "select count(*) from wwi_audit.vault_loads") == before
    again = loaded("run")
    assert again.returncode == 0, again.stderr[-2000:]
    assert one(loaded, "select count(*) from wwi_audit.vault_loads") > before
    assert loaded("reconcile").returncode == 0
