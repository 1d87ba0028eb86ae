"""The project, built by dbt as it would be on BigQuery, in a warehouse that knows types only."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from config.settings import Settings
from ingestion.load.create_tables import ensure_layout
from metadata.spec import Catalog
from tests.googlesql.warehouse import Sent, Warehouse, serving
from transform.packages import VAULT_DIR

HERE = Path(__file__).parent
PROJECT = "wwi-typed"
DBT_LIMIT_S = 800


@dataclass(frozen=True)
class Build:
    """One dbt invocation: its exit code, what it printed, the statements that it sent, what it compiled."""

    code: int
    output: str
    sent: list[Sent]
    manifest: dict[str, Any]

    def kinds(self, kind: str) -> dict[str, list[str]]:
        """Statement kinds by node, of the nodes whose id starts so: "model.", "test."."""
        found: dict[str, list[str]] = {}
        for each in self.sent:
            if each.node and each.node.startswith(kind):
                found.setdefault(each.node, []).extend(each.kinds)
        return found


class Typed:
    """The typed warehouse and the dbt project that is built in it."""

    def __init__(self, warehouse: Warehouse, url: str, folder: Path, project: Path = VAULT_DIR) -> None:
        self.warehouse, self.url, self.folder, self.project = warehouse, url, folder, project

    def dbt(self, *arguments: str) -> Build:
        """Run dbt as on BigQuery and return its results."""
        before = len(self.warehouse.sent)
        done = subprocess.run(
            [Path(sys.executable).parent / "dbt", "--no-use-colors", *arguments,
             "--project-dir", self.project, "--profiles-dir", HERE],
            env=os.environ | {
                "GOOGLESQL_URL": self.url,
                "DBT_TARGET_PATH": str(self.folder / "target"),
                "DBT_LOG_PATH": str(self.folder / "logs"),
                "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            },
            capture_output=True, text=True, timeout=DBT_LIMIT_S, check=False,
        )  # fmt: skip
        output = done.stdout + done.stderr
        return Build(done.returncode, output, self.warehouse.sent[before:], self.manifest)

    @property
    def manifest(self) -> dict[str, Any]:
        """What dbt knows of the project after a run."""
        manifest: dict[str, Any] = json.loads((self.folder / "target" / "manifest.json").read_text())
        return manifest


@pytest.fixture(scope="session")
def typed(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Typed]:
    """The warehouse after the ingestion has made its tables, and one batch waits to be loaded."""
    warehouse = Warehouse(PROJECT)
    warehouse.rows["batch_id", "load_time"] = [("1", "2026-01-01 00:00:00.000000")]
    warehouse.rows["batch_id", "raw_table", "has_rows"] = [("1", "sales__orders", "true")]
    # which keys a batch touches: two ranges of numbers, wherever it is asked
    warehouse.rows["first_number", "last_number"] = [("1", "10"), ("20001", "20002")]
    settings = Settings(target="bigquery", bigquery_project=PROJECT, _env_file=None)
    with serving(warehouse) as url:
        client = bigquery.Client(
            project=PROJECT, credentials=AnonymousCredentials(), client_options={"api_endpoint": url}
        )
        ensure_layout(client, settings, catalog)
        yield Typed(warehouse, url, tmp_path_factory.mktemp("googlesql"))


@pytest.fixture(scope="session")
def first(typed: Typed) -> Build:
    """The first build: every table is made."""
    return typed.dbt("build")


@pytest.fixture(scope="session")
def second(first: Build, typed: Typed) -> Build:
    """A later load: every table of the vault is there and merged into. All else says the same SQL as before.

    Two batches are pending, and a hub holds newer rows than the first of them: it is taken back to before it.
    """
    typed.warehouse.rows["batch_id", "load_time"] = [
        ("1", "2026-01-01 00:00:00.000000"),
        ("2", "2026-01-02 00:00:00.000000"),
    ]
    typed.warehouse.rows["batch_id", "raw_table", "has_rows"] = [
        ("1", "sales__orders", "true"),
        ("2", "sales__orders", "true"),
    ]
    typed.warehouse.rows["relation", "n"] = [(f"`{PROJECT}`.`wwi_raw_vault`.`hub_city`", "3")]
    return typed.dbt("run", "--select", "staging", "config.materialized:incremental")
