"""Fixtures for tests of builds: a small dbt project and settings."""

from pathlib import Path

import pytest

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


@pytest.fixture
def project(tmp_path: Path, project_root: Path) -> Path:
    """Return a dbt project with one table, two tests and the vault's profile."""
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
    """Return settings with separate dbt state for this test."""
    (tmp_path / "services").symlink_to(settings.home / "services", target_is_directory=True)
    return settings.model_copy(update={"home": tmp_path})
