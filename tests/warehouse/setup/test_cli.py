"""Test the output of `wwi bigquery setup`."""

import json

import pytest

from cli import main
from metadata.spec import Catalog
from tests.warehouse.setup.conftest import PROJECT, Cloud


@pytest.fixture
def connected(cloud: Cloud, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """Make the command use the fake project, with settings from the environment."""
    for name, value in {"TARGET": "bigquery", "BIGQUERY_PROJECT": PROJECT, "BIGQUERY_LOCATION": "EU"}.items():
        monkeypatch.setenv(f"WWI_{name}", value)
    monkeypatch.setattr("warehouse.setup.clients.connect", lambda _: cloud.clients)
    return cloud


def run(*arguments: str) -> int:
    """Run the command and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["bigquery", "setup", *arguments])
    return int(ended.value.code or 0)


def test_a_dry_run_lists_every_step_and_the_second_run_says_nothing_to_do(
    connected: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--dry-run") == 0
    shown = capsys.readouterr().out
    assert f"wwi-reader@{PROJECT}.iam.gserviceaccount.com" in shown
    assert "to do, 0 fine" in shown
    assert connected.state.writes == []

    assert run() == 0
    assert "done, 0 fine" in capsys.readouterr().out
    assert run() == 0
    shown = capsys.readouterr().out
    assert "nothing to do" in shown
    [tag] = connected.state.tags
    assert f"WWI_PERSONAL_POLICY_TAG={tag}" in shown


def test_the_report_is_available_as_json(connected: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["pending"] == sum(step["action"] in ("create", "change") for step in report["steps"])
    assert report["policy_tag"] in connected.state.tags


def test_setup_fails_for_the_local_target(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WWI_TARGET", "local")
    assert run() == 1
    assert "Set WWI_TARGET=bigquery" in capsys.readouterr().err
