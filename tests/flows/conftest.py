"""What the tests of commands and builds share: a command run in this process, and a small dbt project."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli import main
from config.settings import Settings

PROJECT = """
name: tiny
version: 0.1.0
config-version: 2
profile: wwi
flags: {send_anonymous_usage_stats: false}
models: {tiny: {+materialized: table}}
"""
TESTED = """
version: 2
models:
  - name: good
    columns:
      - name: id
        data_tests:
          - unique
          - accepted_values: {arguments: {values: [1]}}
"""


@dataclass(frozen=True)
class Outcome:
    """The result of a command: its exit code and what it printed."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def wwi(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process."""

    def run(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        printed = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment that names an empty home and nothing else."""
    for name in [name for name in os.environ if name.startswith("WWI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WWI_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def running(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An environment that names running services, whose datasets are those of this test."""
    monkeypatch.setenv("WWI_HOME", str(settings.home))
    monkeypatch.setenv("WWI_SOURCE_DSN", settings.resolve_source_dsn())
    monkeypatch.setenv("WWI_DATASET_PREFIX", settings.dataset_prefix)
    return settings


@pytest.fixture
def project(tmp_path: Path, project_root: Path) -> Path:
    """A dbt project of one table with two tests, on the vault's own profile."""
    folder = tmp_path / "tiny"
    models = folder / "models" / "marts"
    models.mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(PROJECT)
    (folder / "profiles.yml").write_text((project_root / "vault" / "profiles.yml").read_text())
    (models / "good.sql").write_text("select 1 as id")
    (models / "good.yml").write_text(TESTED)
    return folder


@pytest.fixture
def tiny(settings: Settings, tmp_path: Path) -> Settings:
    """Settings with dbt's state of this test alone."""
    (tmp_path / "services").symlink_to(settings.home / "services", target_is_directory=True)
    return settings.model_copy(update={"home": tmp_path})
