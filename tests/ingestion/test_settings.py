"""What the settings hand to the clients of the warehouse."""

import json
from pathlib import Path

import pytest
from google.auth import impersonated_credentials

from ingestion.bigquery import connect, connection_variables
from ingestion.errors import PermanentError
from ingestion.settings import Settings


def project(**more: object) -> Settings:
    fixed = {"target": "bigquery", "bigquery_project": "shop-project", "personal_policy_tag": "none"}
    return Settings(**fixed | more, _env_file=None)


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Application Default Credentials of a person; nothing is asked of Google before the first call."""
    file = tmp_path / "adc.json"
    fields = {"type": "authorized_user", "client_id": "id", "client_secret": "none", "refresh_token": "none"}
    file.write_text(json.dumps(fields))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))


def test_one_limit_of_bytes_holds_for_our_queries_and_for_dbt(person: None) -> None:
    settings = project(maximum_bytes_billed=20_000_000)
    client = connect(settings)
    assert client.default_query_job_config is not None
    assert client.default_query_job_config.maximum_bytes_billed == 20_000_000
    assert connection_variables(settings)["WWI_MAXIMUM_BYTES_BILLED"] == "20000000"


def test_acting_as_an_account_holds_for_us_and_for_dbt(person: None) -> None:
    loader = "wwi-loader@shop-project.iam.gserviceaccount.com"
    settings = project(impersonate_service_account=loader)
    credentials = connect(settings)._credentials
    assert isinstance(credentials, impersonated_credentials.Credentials)
    assert credentials.service_account_email == loader
    assert connection_variables(settings)["WWI_IMPERSONATE_SERVICE_ACCOUNT"] == loader


def test_missing_credentials_are_named_with_the_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    for settings in (project(), project(impersonate_service_account="a@b.iam.gserviceaccount.com")):
        with pytest.raises(PermanentError, match="gcloud auth application-default login"):
            connect(settings)


def test_an_empty_setting_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IMPERSONATE_SERVICE_ACCOUNT", "PERSONAL_POLICY_TAG", "DBT_THREADS"):
        monkeypatch.setenv(f"WWI_{name}", "")
    settings = Settings(_env_file=None)
    assert settings.impersonate_service_account is None
    assert settings.personal_policy_tag is None
    assert "WWI_DBT_THREADS" not in connection_variables(project())


def test_a_policy_tag_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="personal_policy_tag"):
        Settings(personal_policy_tag="personal", _env_file=None)


def test_dbt_makes_no_table_before_somebody_said_what_guards_personal_columns() -> None:
    unset = Settings(target="bigquery", bigquery_project="my-project", _env_file=None)
    with pytest.raises(PermanentError, match="wwi bigquery setup"):
        connection_variables(unset)
    said = connection_variables(unset.model_copy(update={"personal_policy_tag": "none"}))
    assert said["WWI_PERSONAL_POLICY_TAG"] == ""


def test_every_setting_is_in_the_example(project_root: Path) -> None:
    example = (project_root / ".env.example").read_text()
    for name in Settings.model_fields:
        assert f"WWI_{name.upper()}=" in example
