"""Build the project with dbt as on BigQuery, in the fake BigQuery of warehouse.py."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from dbt.contracts.graph.manifest import Manifest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from config.settings import Settings
from ingestion.load.create_tables import ensure_layout
from metadata.naming import LOAD_PLAN
from metadata.spec import Catalog
from tests.googlesql.warehouse import Sent, Warehouse, serving
from transform.build_record import project_variables
from transform.loading.key_ranges import needed_columns
from transform.loading.load import Selection, mark_loaded, plan_load, rewind
from transform.loading.plan import LoadPlan
from transform.loading.vault_models import vault_models
from transform.packages import VAULT_DIR

HERE = Path(__file__).parent
PROJECT = "wwi-typed"
DBT_LIMIT_S = 800
MIDNIGHT_US = 1767225600000000  # 2026-01-01, in microseconds
LEDGER = "batch_id", "load_dts", "table_name", "has_rows", "newest_loaded", "hash_versions"


@dataclass(frozen=True)
class Build:
    """One dbt invocation: exit code, output, statements sent, and compiled nodes."""

    code: int
    output: str
    sent: list[Sent]
    manifest: dict[str, Any]

    def kinds(self, kind: str) -> dict[str, list[str]]:
        """Return statement kinds by node, for node ids with this prefix: "model.", "test."."""
        found: dict[str, list[str]] = {}
        for each in self.sent:
            if each.node and each.node.startswith(kind):
                found.setdefault(each.node, []).extend(each.kinds)
        return found


class Typed:
    """The fake BigQuery and the dbt project built in it."""

    def __init__(self, warehouse: Warehouse, url: str, folder: Path, project: Path = VAULT_DIR) -> None:
        self.warehouse, self.url, self.folder, self.project = warehouse, url, folder, project

    @property
    def client(self) -> bigquery.Client:
        """Return a client of the warehouse."""
        return bigquery.Client(
            project=PROJECT, credentials=AnonymousCredentials(), client_options={"api_endpoint": self.url}
        )

    def dbt(self, *arguments: str, plan: LoadPlan | None = None) -> Build:
        """Run dbt as on BigQuery and return the result."""
        before = len(self.warehouse.sent)
        done = subprocess.run(
            [Path(sys.executable).parent / "dbt", "--no-use-colors", *arguments,
             "--project-dir", self.project, "--profiles-dir", HERE],
            env=os.environ | ({LOAD_PLAN: plan.as_json()} if plan else {}) | {
                "GOOGLESQL_URL": self.url,
                "DBT_TARGET_PATH": str(self.folder / "target"),
                "DBT_LOG_PATH": str(self.folder / "logs"),
                "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            },
            capture_output=True, text=True, timeout=DBT_LIMIT_S, check=False,
        )  # fmt: skip
        output = done.stdout + done.stderr
        return Build(done.returncode, output, self.warehouse.sent[before:], self.manifest)

    def load(self, *arguments: str) -> Build:
        """Run dbt with a load plan, as `wwi build` does, and mark the batches as loaded.

        Two batches are pending, and a table has newer rows than the first. Each touches two key ranges.
        """
        before = len(self.warehouse.sent)
        manifest = Manifest.from_dict(self.manifest)
        models = vault_models(manifest)
        self.warehouse.rows[LEDGER] = [
            (str(number), str(MIDNIGHT_US + number), None, "false", str(MIDNIGHT_US + 2), "1")
            for number in (1, 2)
        ]
        self.warehouse.rows["raw_table", "number", "first", "last"] = [
            (table, column, *numbers)
            for table, columns in needed_columns(models).items()
            for column in columns
            for numbers in (("1", "10"), ("20001", "20002"))
        ]
        self.warehouse.rows["number", "n"] = [("0", "3")]
        settings = Settings(target="bigquery", bigquery_project=PROJECT, _env_file=None)
        load = plan_load(self.client, settings, Selection(manifest, project_variables(self.project)))
        rewind(self.client, settings, load)
        build = self.dbt(*arguments, plan=load.plan)
        mark_loaded(self.client, settings, load, [each.id for each in models], "a load")
        return replace(build, sent=self.warehouse.sent[before:])

    @property
    def manifest(self) -> dict[str, Any]:
        """Return dbt's manifest after a run."""
        manifest: dict[str, Any] = json.loads((self.folder / "target" / "manifest.json").read_text())
        return manifest


@pytest.fixture(scope="session")
def typed(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Typed]:
    """Return the warehouse with the tables of ingestion."""
    warehouse = Warehouse(PROJECT)
    settings = Settings(target="bigquery", bigquery_project=PROJECT, _env_file=None)
    with serving(warehouse) as url:
        typed = Typed(warehouse, url, tmp_path_factory.mktemp("googlesql"))
        ensure_layout(typed.client, settings, catalog)
        yield typed


@pytest.fixture(scope="session")
def first(typed: Typed) -> Build:
    """Run the first build without a load plan, which creates every table."""
    return typed.dbt("build")


@pytest.fixture(scope="session")
def second(first: Build, typed: Typed) -> Build:
    """Run a later build, which merges into the existing tables of the vault."""
    return typed.load("run", "--select", "staging", "config.materialized:incremental")
