"""Test that workflows are valid, run existing commands, and have no unneeded permissions."""

import copy
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.checkout.tracked import ROOT
from tests.checkout.workflows import Workflow, faults, triggers
from tests.checkout.yaml_files import put, schema_complaints

FILES = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
BIGQUERY: Workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "bigquery.yml").read_text())


def test_every_workflow_matches_the_schema_of_github() -> None:
    """Check them with GitHub's schema of workflows."""
    assert schema_complaints("vendor.github-workflows", FILES) == ""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_workflows_have_no_errors(file: Path) -> None:
    assert faults(yaml.safe_load(file.read_text()), ROOT) == []


def step(workflow: Workflow, command: str) -> dict[str, Any]:
    """Return the first step whose script contains the command."""
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    return next(step for step in steps if command in step.get("run", ""))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda workflow: workflow.pop("permissions"), "no permissions"),
        (put("permissions", value="write-all"), "permissions for every job"),
        (lambda workflow: workflow.pop("concurrency"), "no concurrency group"),
        (put(True, "pull_request_target", value=None), "untrusted code"),
        (put(True, "pull_request", value=None), "secrets in a workflow that runs on pull requests"),
        (lambda workflow: workflow["jobs"]["suite"].pop("timeout-minutes"), "suite: no timeout-minutes"),
        (put("jobs", "suite", "permissions", "contents", value="write"), "permissions it does not need"),
        (put("jobs", "suite", "permissions", value={"contents": "read"}), "cannot log in"),
        (
            put("jobs", "configured", "permissions", value={"id-token": "write"}),
            "permissions it does not need",
        ),
        (
            put("jobs", "suite", "steps", 3, "with", value={"credentials_json": "x"}),
            "a key instead of workload",
        ),
        (put("jobs", "suite", "steps", 0, "uses", value="actions/checkout@main"), "has no version"),
        (put("jobs", "configured", "steps", 0, "run", value="echo $PROVIDER"), "step 1: prints PROVIDER"),
        (put("jobs", "configured", "steps", 0, "run", value="printf '%s' \"${ACCOUNT}\""), "prints ACCOUNT"),
        (put("jobs", "suite", "steps", 2, "run", value="set -ex\nmake setup"), "prints every command"),
        (
            put("jobs", "suite", "steps", 2, "run", value="pytest ${{ inputs.tests }}"),
            "an expression in a script",
        ),
        (put("jobs", "suite", "steps", 2, "run", value="make setup nothing"), "no target nothing"),
        (
            put("jobs", "suite", "steps", 2, "run", value=".venv/bin/python -m tests.nothing"),
            "no module tests.no",
        ),
        (put("jobs", "suite", "steps", 2, "run", value=".venv/bin/nothing"), "no command nothing"),
        (put("jobs", "suite", "steps", 2, "run", value="make test TESTS=tests/nothing"), "no tests/nothing"),
        (put("jobs", "suite", "steps", 2, "run", value="cd nowhere && ls"), "no nowhere"),
    ],
)
def test_an_injected_error_is_found(change: Callable[[Workflow], None], fault: str) -> None:
    injected = copy.deepcopy(BIGQUERY)
    change(injected)
    assert any(fault in found for found in faults(injected, ROOT)), faults(injected, ROOT)


def test_the_bigquery_workflow_runs_weekly_manually_and_after_merges() -> None:
    assert set(triggers(BIGQUERY)) == {"schedule", "workflow_dispatch", "push"}
    assert triggers(BIGQUERY)["push"] == {"branches": ["main"]}
    assert BIGQUERY["concurrency"]["cancel-in-progress"] is False


def test_datasets_are_deleted_after_success_and_failure() -> None:
    job = BIGQUERY["jobs"]["suite"]
    commands = [step.get("run", "") for step in job["steps"]]
    tested = next(number for number, command in enumerate(commands) if "pytest" in command)
    last = job["steps"][-1]
    assert 'tests.cleanup --run "$WWI_TEST_RUN"' in last["run"]
    assert last["if"].startswith("always()")
    assert tested < len(commands) - 1
    assert "github.run_id" in job["env"]["WWI_TEST_RUN"]
    spent = sum(step.get("timeout-minutes", 0) for step in job["steps"])
    assert spent < job["timeout-minutes"], "the job's timeout must not interrupt the deletion"


def look(tmp_path: Path, **configured: str) -> tuple[str, str, str]:
    """Run the script that checks for a project; return its outputs, summary and printed text."""
    outputs, summary = tmp_path / "outputs", tmp_path / "summary"
    names = {"PROVIDER": "", "ACCOUNT": "", "PROJECT": ""} | configured
    done = subprocess.run(
        ["bash", "-e", "-c", step(BIGQUERY, "GITHUB_OUTPUT")["run"]],
        env={"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(summary)}
        | names,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return outputs.read_text(), summary.read_text() if summary.exists() else "", done.stdout + done.stderr


def test_without_a_project_the_job_succeeds_and_lists_missing_settings(tmp_path: Path) -> None:
    message = (
        "skipped: no project configured: set secret GCP_WORKLOAD_IDENTITY_PROVIDER, "
        "secret GCP_SERVICE_ACCOUNT, variable BIGQUERY_PROJECT"
    )
    assert look(tmp_path) == ("ready=false\n", f"{message}\n", f"::notice title=BigQuery::{message}\n")


def test_only_missing_settings_are_listed(tmp_path: Path) -> None:
    outputs, summary, printed = look(tmp_path, PROVIDER="a-provider", PROJECT="a-project")
    assert outputs == "ready=false\n"
    assert summary == "skipped: no project configured: set secret GCP_SERVICE_ACCOUNT\n"
    assert "a-provider" not in printed + summary


def test_the_tests_run_if_a_project_is_configured(tmp_path: Path) -> None:
    found = look(tmp_path, PROVIDER="a-provider", ACCOUNT="an-account", PROJECT="a-project")
    assert found == ("ready=true\n", "", "")
    assert BIGQUERY["jobs"]["suite"]["if"] == "needs.configured.outputs.ready == 'true'"
