"""The settings, how they are read, and what the warehouse clients get."""

import json
import os
from pathlib import Path

import pytest
from google.auth import impersonated_credentials

from config.errors import PermanentError
from config.settings import Settings
from warehouse.client import connect, connection_variables


def project(**more: object) -> Settings:
    fixed = {"target": "bigquery", "bigquery_project": "shop-project", "personal_policy_tag": "none"}
    return Settings(**fixed | more, _env_file=None)


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Application Default Credentials of a person. Google is not contacted before the first call."""
    file = tmp_path / "adc.json"
    fields = {"type": "authorized_user", "client_id": "id", "client_secret": "none", "refresh_token": "none"}
    file.write_text(json.dumps(fields))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))


def test_the_limit_of_bytes_applies_to_queries_and_dbt(person: None) -> None:
    settings = project(maximum_bytes_billed=20_000_000)
    client = connect(settings)
    assert client.default_query_job_config is not None
    assert client.default_query_job_config.maximum_bytes_billed == 20_000_000
    assert connection_variables(settings)["WWI_MAXIMUM_BYTES_BILLED"] == "20000000"


def test_impersonation_applies_to_the_client_and_dbt(person: None) -> None:
    loader = "wwi-loader@shop-project.iam.gserviceaccount.com"
    settings = project(impersonate_service_account=loader)
    credentials = connect(settings)._credentials
    assert isinstance(credentials, impersonated_credentials.Credentials)
    assert credentials.service_account_email == loader
    assert connection_variables(settings)["WWI_IMPERSONATE_SERVICE_ACCOUNT"] == loader


def test_missing_credentials_are_reported_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    for settings in (project(), project(impersonate_service_account="a@b.iam.gserviceaccount.com")):
        with pytest.raises(PermanentError, match="gcloud auth application-default login"):
            connect(settings)


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without WWI_ variables."""
    for name in [name for name in os.environ if name.startswith("WWI_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("blank", ["", " ", "\t"])
@pytest.mark.parametrize("place", ["the environment", "a file"])
def test_every_blank_setting_counts_as_unset(
    nothing_set: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blank: str, place: str
) -> None:
    names = [f"WWI_{name.upper()}" for name in Settings.model_fields]
    file = tmp_path / ".env"
    file.write_text("".join(f"{name}='{blank}'\n" for name in names) if place == "a file" else "")
    if place == "the environment":
        for name in names:
            monkeypatch.setenv(name, blank)
    unset = {name: field.default for name, field in Settings.model_fields.items()}
    assert Settings(_env_file=file).model_dump() == unset


def test_an_empty_variable_does_not_override_the_file(
    nothing_set: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfWWI_READERS=7\r\n")  # as an editor on Windows writes it
    monkeypatch.setenv("WWI_READERS", "")
    assert Settings(_env_file=tmp_path / ".env").readers == 7


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("WWI_TARGTE", "unknown setting WWI_TARGTE {place}: did you mean WWI_TARGET?"),
        ("WWI_SOURCE_DNS", "unknown setting WWI_SOURCE_DNS {place}: did you mean WWI_SOURCE_DSN?"),
        ("wwi_redears", "unknown setting wwi_redears {place}: did you mean WWI_READERS?"),
        ("WWI_ZZZ", "unknown setting WWI_ZZZ {place}: unset it."),
    ],
)
def test_an_unknown_setting_is_reported_with_its_place_and_the_closest_name(
    nothing_set: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    file = tmp_path / ".env"
    file.write_text(f"OTHER=1\nexport {name}=secret\n")
    with pytest.raises(PermanentError) as in_file:
        Settings(_env_file=(tmp_path / "absent", file))
    assert str(in_file.value).splitlines()[0] == message.format(place=f"in {file}")
    monkeypatch.setenv(name, "secret")
    with pytest.raises(PermanentError) as in_environment:
        Settings(_env_file=None)
    assert str(in_environment.value).splitlines()[0] == message.format(place="in the environment")
    assert "secret" not in f"{in_file.value} {in_environment.value}"


def test_names_of_dbt_and_the_tests_are_known(nothing_set: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "WWI_RAW_PREFIX",
        "WWI_HISTORY_ORDERS",
        "WWI_CHAOS_SEED",
        "WWI_TEST_RUN",
        "WWI_BENCH_RECORD",
    ):
        monkeypatch.setenv(name, "1")
    assert Settings(_env_file=None).target == "local"


def test_every_wrong_setting_is_listed_without_its_value(
    nothing_set: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {
        "WWI_TARGET": "bigqeury",
        "WWI_READERS": "many",
        "WWI_LEASE_S": "0",
        "WWI_PRICE_PER_TIB": "nan",
        "WWI_FAILURE_WEBHOOK": "ftp://hunter2",
        "WWI_HOME": "~no_such_user/x",
        "WWI_PERSONAL_POLICY_TAG": "personal",
        "WWI_ALLOW_OFFLINE_PACKAGES": "perhaps",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(PermanentError) as raised:
        Settings(_env_file=None)
    head, *lines = str(raised.value).splitlines()
    assert head == "wrong settings, in the environment or in .env:"
    assert sorted(line.split()[0] for line in lines) == sorted(values)
    assert "  WWI_TARGET should be 'local' or 'bigquery'" in lines
    assert "hunter2" not in str(raised.value)


def test_a_file_that_is_not_utf8_is_reported(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"WWI_READERS=7\nOTHER=\xff\xfe\n")
    with pytest.raises(PermanentError, match=r"cannot read .*\.env: it is not UTF-8 text"):
        Settings(_env_file=tmp_path / ".env")


def test_dbt_needs_a_decision_about_the_policy_tag() -> None:
    unset = Settings(target="bigquery", bigquery_project="my-project", _env_file=None)
    with pytest.raises(PermanentError, match="wwi bigquery setup"):
        connection_variables(unset)
    variables = connection_variables(unset.model_copy(update={"personal_policy_tag": "none"}))
    assert variables["WWI_PERSONAL_POLICY_TAG"] == ""


def test_every_setting_is_in_the_example(project_root: Path) -> None:
    example = (project_root / ".env.example").read_text()
    for name in Settings.model_fields:
        assert f"WWI_{name.upper()}=" in example


def test_a_load_to_bigquery_ignores_the_emulator_variable(
    person: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9050")
    assert connect(project())._connection.API_BASE_URL == "https://bigquery.googleapis.com"
    assert connection_variables(project())["WWI_BIGQUERY_ENDPOINT"] == "https://bigquery.googleapis.com"
    private = project(bigquery_endpoint="https://bigquery-private.p.googleapis.com")
    assert connect(private)._connection.API_BASE_URL == "https://bigquery-private.p.googleapis.com"
