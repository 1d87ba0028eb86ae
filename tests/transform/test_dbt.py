"""Test the report of a build and the errors of failed nodes."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from config.errors import PermanentError, TransientError
from config.settings import Settings
from tests.loopback import Json, listening
from transform import build_record, dbt, dbt_messages, selection
from transform.build_report import BuildFailedError, summarise
from transform.dbt_invocation import LOST_CONNECTION, dbt_environment, raise_if_stopped
from warehouse.client import connect
from warehouse.queries import query


def node_result(kind: str, status: str, message: str = "", layer: str = "marts", seconds: float = 1.0) -> Any:
    """Return a node result like dbt's."""
    node = SimpleNamespace(resource_type=kind, name=f"{kind}_{status}", fqn=["wwi_vault", layer, "x"])
    return SimpleNamespace(node=node, status=status, message=message, execution_time=seconds)


def test_results_are_counted_by_kind() -> None:
    report = summarise(
        [
            node_result("model", "success", layer="staging"),
            node_result("model", "success", layer="staging", seconds=0.5),
            node_result("test", "pass"),
            node_result("unit_test", "pass"),
            node_result("test", "warn"),
            node_result("operation", "success"),
            node_result("model", "skipped"),
        ],
        seconds=9,
    )
    assert (report.models_passed, report.tests_passed, report.warned, report.skipped) == (2, 2, 1, 1)
    assert report.layer_seconds == {"staging": 1.5, "tests": 3.0, "operation": 1.0, "marts": 1.0}
    assert not report.failures


@pytest.mark.parametrize(
    ("message", "lost"),
    [
        ("Database Error in model a (models/a.sql)\n  Name zip not found", False),
        ("Got 3 results, configured to fail if != 0", False),
        ("HTTPConnectionPool(host='127.0.0.1', port=9): Max retries exceeded with url: /x", True),
        ("('Connection aborted.', RemoteDisconnected('Remote end closed connection'))", True),
        ("503 POST http://127.0.0.1/jobs: backend error", True),
    ],
)
def test_only_a_lost_connection_is_retried(message: str, lost: bool) -> None:
    assert bool(LOST_CONNECTION.search(message)) is lost


def test_ctrl_c_ends_the_build_also_inside_a_config_field() -> None:
    broken = ValueError("field of a model")
    broken.__context__ = KeyboardInterrupt()
    for interrupt in (KeyboardInterrupt(), broken):
        with pytest.raises(KeyboardInterrupt):
            raise_if_stopped(SimpleNamespace(exception=interrupt))
    for other in (None, ValueError("field of a model")):
        raise_if_stopped(SimpleNamespace(exception=other))


def test_the_reason_is_one_line_without_dbts_wrapping() -> None:
    message = (
        "Database Error in model bad (models/marts/bad.sql)\n"
        "  Name \x1b[4mzip\x1b[0m not found\n  at [3:1]\n"
        "  compiled code at /somewhere/bad.sql"
    )
    assert dbt_messages.shorten(message) == "Name zip not found at [3:1]"
    assert len(dbt_messages.shorten("x" * 1000)) == dbt_messages.MESSAGE_LENGTH


def test_dbt_receives_the_settings_without_passwords(tmp_path: Path) -> None:
    settings = Settings(
        target="local",
        home=tmp_path,
        source_dsn="postgresql://reader:hidden@source/wwi",
        warehouse_url="http://127.0.0.1:1",
        dataset_prefix="other",
        _env_file=None,
    )
    made = dbt_environment(settings)
    assert made["WWI_DATASET_PREFIX"] == "other"
    assert made["WWI_WAREHOUSE_URL"] == "http://127.0.0.1:1"
    assert not any("hidden" in value for value in made.values())


@pytest.mark.services
def test_a_build_reports_models_and_tests(tiny: Settings, project: Path) -> None:
    report = dbt.build(tiny, vault_dir=project)
    assert (report.models_passed, report.tests_passed) == (1, 2)
    assert query(connect(tiny), f"select id from {tiny.dataset_prefix}.good") == [{"id": 1}]


@pytest.mark.services
def test_a_build_records_its_nodes_and_their_results(tiny: Settings, project: Path) -> None:
    """Also for a killed build, a failed one, and one that dbt could not start."""
    client, audit = connect(tiny), tiny.dataset("audit")
    before = query(client, "select current_timestamp() as now")[0]["now"]
    build_record.record_start(
        client, tiny, selection.full_selection(["build"], "hash"), project
    )  # a killed build has only its start
    (killed,) = query(client, f"select invocation_id from {audit}.builds where status = 'running'")
    dbt.build(tiny, select=["good"], vault_dir=project)
    (project / "models" / "marts" / "good.sql").write_text("select 2 as id")
    with pytest.raises(BuildFailedError):
        dbt.build(tiny, vault_dir=project)
    (project / "models" / "marts" / "bad.sql").write_text("{% if %}")
    with pytest.raises(PermanentError):
        dbt.build(tiny, vault_dir=project)
    stamp = f"timestamp '{before.isoformat(sep=' ')}'"
    was_killed, *builds = query(
        client, f"select * from {audit}.builds where started_at >= {stamp} order by started_at"
    )
    assert (was_killed["invocation_id"], was_killed["status"]) == (killed["invocation_id"], "killed")
    assert (was_killed["arguments"], was_killed["finished_at"]) == ('["build"]', None)
    assert [(row["status"], row["models"], row["tests"], row["failed"]) for row in builds] == [
        ("passed", 1, 2, 0), ("failed", 1, 1, 1), ("stopped", 0, 0, 0),
    ]  # fmt: skip
    assert json.loads(builds[0]["arguments"])[:3] == ["build", "--select", "good"]
    assert {"dbt-core", "dbt-bigquery"} <= json.loads(builds[0]["packages"]).keys()
    assert "dbt could not run" in builds[2]["error"]
    assert len({row["invocation_id"] for row in builds}) == 3
    failed = f"invocation_id = '{builds[1]['invocation_id']}'"
    nodes = query(client, f"select * from {audit}.build_nodes where {failed} order by kind, name")
    assert [(row["kind"], row["name"], row["status"], row["failing_rows"]) for row in nodes] == [
        ("model", "good", "success", None),
        ("test", "accepted_values_good_id__1", "fail", 1),
        ("test", "unique_good_id", "pass", 0),
    ]


@pytest.mark.services
def test_a_selection_that_matches_nothing_is_an_error(tiny: Settings, project: Path) -> None:
    assert dbt.build(tiny, select=["good"], vault_dir=project).models_passed == 1
    with pytest.raises(PermanentError, match="--select godo"):
        dbt.build(tiny, select=["godo"], vault_dir=project)


@pytest.mark.services
def test_a_failed_node_is_reported_with_its_reason_and_dependents_are_skipped(
    tiny: Settings, project: Path
) -> None:
    models = project / "models" / "marts"
    (models / "bad.sql").write_text("select no_such_column from {{ ref('good') }}")
    (models / "after.sql").write_text("select * from {{ ref('bad') }}")
    with pytest.raises(BuildFailedError) as caught:
        dbt.build(tiny, vault_dir=project)
    message, report = str(caught.value), caught.value.report
    assert message.startswith("dbt: 1 node failed, 1 dependent nodes skipped\n  model bad: ")
    assert "no_such_column" in message
    assert (report.models_passed, report.skipped, report.failures[0].name) == (1, 1, "bad")


@pytest.mark.services
def test_a_failed_data_test_is_a_permanent_error(tiny: Settings, project: Path) -> None:
    (project / "models" / "marts" / "good.sql").write_text("select 2 as id")
    with pytest.raises(BuildFailedError, match="test accepted_values_good_id__1: Got 1 result"):
        dbt.build(tiny, vault_dir=project)


@pytest.mark.services
def test_a_stopped_warehouse_is_a_transient_error(tiny: Settings, project: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    gone = tiny.model_copy(update={"warehouse_url": nowhere, "bigquery_endpoint": nowhere})
    with pytest.raises(TransientError):
        dbt.build(gone, vault_dir=project)


@pytest.mark.services
def test_a_node_with_a_transient_error_is_retried_on_its_own(tiny: Settings, project: Path) -> None:
    """dbt does it: dependents wait, other nodes do not run again, and an invalid statement is not retried."""
    models = project / "models" / "marts"
    (models / "other.sql").write_text("select 5 as id")
    (models / "after.sql").write_text("select * from {{ ref('good') }}")
    failures = [refused("Retrying the job may solve the problem.", "backendError")]

    def fail_once(job: Json, answer: Json) -> None:
        if failures and times_created([job], "good"):
            answer["status"] |= failures.pop()

    with listening(tiny.resolve_warehouse_url(), fail_once) as (url, jobs):
        report = dbt.build(tiny.model_copy(update={"warehouse_url": url}), vault_dir=project)
    assert not failures
    assert (report.models_passed, report.tests_passed, report.skipped) == (3, 2, 0)
    assert [times_created(jobs, name) for name in ("good", "other", "after")] == [2, 1, 1]

    failures.append(refused("Syntax error: unexpected end of script", "invalidQuery"))
    with (
        listening(tiny.resolve_warehouse_url(), fail_once) as (url, jobs),
        pytest.raises(BuildFailedError, match="unexpected end of script"),
    ):
        dbt.build(tiny.model_copy(update={"warehouse_url": url}), vault_dir=project)
    assert times_created(jobs, "good") == 1


def refused(message: str, reason: str) -> Json:
    """Return the status of a failed job."""
    error = {"reason": reason, "message": message}
    return {"state": "DONE", "errorResult": error, "errors": [error]}


def times_created(jobs: list[Json], table: str) -> int:
    """Return how many of the jobs create the table."""
    statement = re.compile(rf"create or replace table `[^`]+`\.`[^`]+`\.`{table}`")
    return sum(bool(statement.search(str(job["configuration"].get("query")))) for job in jobs)


def test_missing_packages_are_reported_with_the_command_that_installs_them(tmp_path: Path) -> None:
    (tmp_path / "packages.yml").write_text("packages: []")
    settings = Settings(home=tmp_path, warehouse_url="http://127.0.0.1:9", _env_file=None)
    with pytest.raises(PermanentError, match="wwi deps"):
        dbt.build(settings, vault_dir=tmp_path)
