"""Test cost estimates, the byte limit, the lease and the job labels of builds."""

import shutil
import threading
import time
from pathlib import Path

import pytest
import yaml
from google.api_core.exceptions import NotFound

from config.errors import PermanentError
from config.settings import Settings
from tests.loopback import Json, listening
from transform import dbt
from transform.build_plan import build_arguments, compile_nodes
from transform.dry_run import dry_run
from warehouse.client import connect
from warehouse.lease import LeaseLostError, hold
from warehouse.ledger.tables import table_name
from warehouse.queries import execute

pytestmark = pytest.mark.services

INCREMENTAL = """
{{ config(materialized='incremental') }}
select id from {{ ref('source_like') }}
{% if is_incremental() %}where id > (select max(id) from {{ this }}){% endif %}
"""
TAKE_OVER = """
update {table} set holder = 'theirs', step = 'ingest', host = 'elsewhere', machine = 'another boot', pid = 1,
    expires_at = timestamp_add(current_timestamp(), interval 60 second)
where true
"""


@pytest.fixture
def project(tmp_path: Path, project_root: Path) -> Path:
    """Return a dbt project with a table, an incremental model, a test, and the vault's query comment."""
    folder = tmp_path / "small"
    models = folder / "models" / "marts"
    models.mkdir(parents=True)
    (folder / "macros").mkdir()
    vault = yaml.safe_load((project_root / "vault" / "dbt_project.yml").read_text())
    (folder / "dbt_project.yml").write_text(
        yaml.safe_dump(
            {
                "name": "small",
                "version": "0.1.0",
                "config-version": 2,
                "profile": "wwi",
                "flags": {"send_anonymous_usage_stats": False},
                "models": {"small": {"+materialized": "table"}},
                "query-comment": vault["query-comment"],
            }
        )
    )
    shutil.copy(project_root / "vault" / "profiles.yml", folder)
    shutil.copy(project_root / "vault" / "macros" / "job_labels.sql", folder / "macros")
    (models / "source_like.sql").write_text("select 1 as id")
    (models / "grown.sql").write_text(INCREMENTAL)
    (models / "models.yml").write_text(
        "models: [{name: source_like, columns: [{name: id, data_tests: [unique]}]}]"
    )
    return folder


@pytest.fixture
def small(settings: Settings, tmp_path: Path) -> Settings:
    """Return settings with separate datasets and dbt state for this test."""
    (tmp_path / "services").symlink_to(settings.home / "services", target_is_directory=True)
    prefix = f"{settings.dataset_prefix}_{tmp_path.name.lower()[-40:].replace('-', '_')}"
    return settings.model_copy(update={"home": tmp_path, "dataset_prefix": prefix})


def tables(settings: Settings) -> set[str]:
    """Return the tables that dbt has built."""
    client = connect(settings)
    try:
        return {table.table_id for table in client.list_tables(settings.dataset_prefix, timeout=30)}
    except NotFound:
        return set()


def test_a_dry_run_lists_unknown_costs_and_builds_nothing(small: Settings, project: Path) -> None:
    cost = dry_run(small, vault_dir=project)
    assert [each.name for each in cost.known] == ["source_like"]
    missing = f"wwi-local.{small.dataset_prefix}"  # the dataset does not exist yet
    assert {each.name: each.missing for each in cost.unknown} == {
        "grown": missing,
        "unique_source_like_id": missing,
    }
    assert tables(small) == set()
    dbt.build(small, vault_dir=project)
    after = dry_run(small, vault_dir=project)
    assert {each.name for each in after.known} == {"source_like", "grown", "unique_source_like_id"}
    assert (after.unknown, after.tells_bytes) == ((), False)


def test_a_dry_run_estimates_the_next_incremental_run(small: Settings, project: Path) -> None:
    arguments = build_arguments(["grown"])

    def sql() -> str:
        return str(compile_nodes(arguments, small, project)[0].compiled_code)

    assert "where id >" not in sql()
    dbt.build(small, vault_dir=project)
    assert "where id >" in sql()
    arguments = build_arguments(["grown"], full_refresh=True)
    assert "where id >" not in sql()


def test_a_dry_run_of_an_empty_selection_is_an_error(small: Settings, project: Path) -> None:
    with pytest.raises(PermanentError, match="no model or test matches --select godo"):
        dry_run(small, select=["godo"], vault_dir=project)


def test_an_invalid_statement_is_reported_with_its_model(small: Settings, project: Path) -> None:
    (project / "models" / "marts" / "bad.sql").write_text("select no_such_function(1) as id")
    with pytest.raises(PermanentError, match=r"model bad: dry run: .*no_such_function"):
        dry_run(small, vault_dir=project)


def fifty_megabytes(job: Json, answer: Json) -> None:
    """Make a dry run return an estimate like BigQuery: 50 MiB of one table."""
    if job["configuration"].get("dryRun"):
        table = {"projectId": "wwi-local", "datasetId": "d", "tableId": "t"}
        answer["statistics"]["query"] |= {
            "totalBytesProcessed": str(50 * 2**20),
            "referencedTables": [table],
        }


def test_a_build_above_its_limit_does_not_start(small: Settings, project: Path) -> None:
    with listening(small.resolve_warehouse_url(), fifty_megabytes) as (url, jobs):
        limited = small.model_copy(update={"warehouse_url": url, "build_bytes_limit": 40 * 2**20})
        with pytest.raises(PermanentError, match=r"would read 52428800 bytes.*Largest: source_like 52428800"):
            dbt.build(limited, select=["source_like"], vault_dir=project)
        assert jobs
        assert all(job["configuration"].get("dryRun") for job in jobs), "only dry runs were sent"
        enough = limited.model_copy(update={"build_bytes_limit": 200 * 2**20})
        assert dbt.build(enough, vault_dir=project).models_passed == 2


def test_every_job_of_a_build_has_labels(small: Settings, project: Path) -> None:
    with listening(small.resolve_warehouse_url()) as (url, jobs):
        dbt.build(small.model_copy(update={"warehouse_url": url}), vault_dir=project)
    labels = [job["configuration"]["labels"] for job in jobs]
    assert {(each["app"], each["step"]) for each in labels} == {("wwi", "build")}
    assert {(each["node_id"].split("_")[0], each["node"]) for each in labels if "node" in each} == {
        ("model", "source_like"),
        ("model", "grown"),
        ("test", "unique_source_like_id"),
    }


def test_a_build_is_refused_while_another_run_has_the_lease(small: Settings, project: Path) -> None:
    client = connect(small)
    with hold(client, small, "ingest"), pytest.raises(PermanentError, match="another run is at work: ingest"):
        dbt.build(small, vault_dir=project)
    assert dbt.build(small, vault_dir=project).models_passed == 2


def test_a_build_whose_lease_was_taken_over_stops(small: Settings, project: Path) -> None:
    models, count = project / "models" / "marts", 80
    for number in range(count):
        before = f"-- depends_on: {{{{ ref('one_{number - 1:02}') }}}}\n" if number else ""
        (models / f"one_{number:02}.sql").write_text(f"{before}select 1 as id")
    client = connect(small)

    def take_over() -> None:
        deadline = time.monotonic() + 60
        while "one_00" not in tables(small) and time.monotonic() < deadline:
            time.sleep(0.1)
        execute(client, TAKE_OVER.format(table=table_name(small, "leases")))

    execute(client, f"create schema if not exists {small.dataset_prefix}")
    other = threading.Thread(target=take_over)
    other.start()
    try:
        with pytest.raises(LeaseLostError, match="build: the lease of the warehouse is lost"):
            dbt.build(small.model_copy(update={"lease_s": 3}), vault_dir=project)
    finally:
        other.join(60)
    assert 1 <= len(tables(small)) < count
