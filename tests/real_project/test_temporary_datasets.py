"""The way to a real project, tested with a fake project: the tests run there and leave nothing behind."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from google.cloud.bigquery import Client, Dataset

from config.settings import Settings
from tests import temporary_datasets
from tests.fake_project import IDENTITY, LOCATION, PROJECT, FakeProject, fake_project
from warehouse.client import connect
from warehouse.queries import execute

pytestmark = [
    pytest.mark.services,
    pytest.mark.local("it pretends to be a real project; on one, every other test shows the same"),
]

SOME_TESTS = (
    "tests/warehouse/ledger/test_tables.py",
    "tests/ingestion/test_batches.py::test_later_batches_load_only_changed_rows",
    "tests/ingestion/test_crash.py::test_a_run_that_ends_while_it_loads_is_finished_by_the_next",
    "tests/audit/reconciliation/test_reconcile.py::test_equal_layers_agree",
    "tests/transform/test_dbt.py::test_a_build_reports_models_and_tests",
)


@pytest.fixture(scope="module")
def project() -> Iterator[FakeProject]:
    """A fake project for this module."""
    with fake_project() as made:
        yield made


@pytest.fixture
def client(project: FakeProject, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client with the project's credentials; the environment names the project."""
    for name, value in project.environment.items():
        monkeypatch.setenv(name, value)
    return connect(Settings(_env_file=None))


def python(project: FakeProject, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env=os.environ | project.environment | environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def datasets(client: Client) -> set[str]:
    return {item.dataset_id for item in client.list_datasets(timeout=30)}


@pytest.mark.proof
def test_datasets_of_tests_are_deleted_afterwards(project: FakeProject, client: Client) -> None:
    """Ingestion with uploads, resumed too, reconciliation and dbt; with workload identity and no key."""
    before = datasets(client)
    done = python(project, "pytest", "-q", "-p", "no:cacheprovider", *SOME_TESTS)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
    assert len(list(client.list_jobs(timeout=30))) > 50, "the statements went to another warehouse"
    assert datasets(client) == before
    assert project.token_requests[-1]["subject_token"] == [IDENTITY]


def test_datasets_have_labels_location_and_expiration(client: Client) -> None:
    prefix = temporary_datasets.new_prefix(Settings(_env_file=None), "x")
    settings = Settings(dataset_prefix=prefix, _env_file=None)
    with temporary_datasets.datasets(settings):
        assert {name for name in datasets(client) if name.startswith(prefix)} == {
            f"{prefix}{part}" for part in temporary_datasets.ALL_PARTS
        }
        made = client.get_dataset(f"{PROJECT}.{prefix}_raw", timeout=30)
        assert (made.location, made.default_table_expiration_ms) == (LOCATION, 24 * 3600 * 1000)
        assert made.labels[temporary_datasets.RUN_LABEL] == temporary_datasets.run_name()
        execute(client, f"create table {prefix}_raw.full as select 1 as one")
    assert temporary_datasets.remaining(client) == []


def test_prefixes_are_unique_and_local_ones_are_short() -> None:
    real = Settings(target="bigquery", bigquery_project=PROJECT, _env_file=None)
    made = {temporary_datasets.new_prefix(real, "m") for _ in range(50)}
    assert len(made) == 50
    assert all(prefix.startswith("ci_") for prefix in made)
    assert len(temporary_datasets.new_prefix(Settings(target="local", _env_file=None), "m")) < 8


def test_the_run_fails_if_a_dataset_without_labels_remains(client: Client) -> None:
    name = f"{temporary_datasets.new_prefix(Settings(_env_file=None), 'x')}_raw"
    client.create_dataset(Dataset(f"{PROJECT}.{name}"), timeout=30)
    assert temporary_datasets.remaining(client) == [name]
    assert name not in {item.dataset_id for item in temporary_datasets.find(client)}
    client.delete_dataset(name, timeout=30)


@pytest.fixture
def left(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A project with what crashed runs left, and with what is not theirs."""
    now = datetime.now(UTC)
    monkeypatch.setenv("WWI_TEST_RUN", "run_1")
    temporary_datasets.make(client, "ci_old_raw", LOCATION, now - timedelta(hours=7))
    execute(client, "create table ci_old_raw.full as select 1 as one")
    temporary_datasets.make(client, "ci_young_raw", LOCATION, now)
    monkeypatch.setenv("WWI_TEST_RUN", "run_2")
    temporary_datasets.make(client, "ci_other_raw", LOCATION, now)
    client.create_dataset(Dataset(f"{PROJECT}.ci_old_marts"), timeout=30)
    half = Dataset(f"{PROJECT}.wwi_raw")
    half.labels = {temporary_datasets.RUN_LABEL: "run_1"}
    client.create_dataset(half, timeout=30)
    yield client
    for name in datasets(client):
        client.delete_dataset(name, delete_contents=True, timeout=30)


def test_datasets_of_crashed_runs_are_deleted_by_label_and_age(project: FakeProject, left: Client) -> None:
    done = python(project, "tests.cleanup")
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    assert done.stdout == "deleted ci_old_raw (7.0 h old, of run run_1)\n"
    assert datasets(left) == {"ci_young_raw", "ci_other_raw", "ci_old_marts", "wwi_raw"}


def test_a_run_deletes_its_own_datasets_of_any_age(project: FakeProject, left: Client) -> None:
    done = python(project, "tests.cleanup", "--run", "run_1")
    assert done.returncode == 0, done.stderr
    assert datasets(left) == {"ci_other_raw", "ci_old_marts", "wwi_raw"}


def test_a_dry_run_deletes_nothing(project: FakeProject, left: Client) -> None:
    before = datasets(left)
    done = python(project, "tests.cleanup", "--hours", "0", "--dry-run")
    assert sorted(line.split()[2] for line in done.stdout.splitlines()) == [
        "ci_old_raw", "ci_other_raw", "ci_young_raw",
    ]  # fmt: skip
    assert datasets(left) == before


def test_the_local_warehouse_is_not_cleaned_up(project: FakeProject) -> None:
    done = python(project, "tests.cleanup", WWI_TARGET="local")
    assert done.returncode == 1
    assert "Set WWI_TARGET=bigquery" in done.stderr
