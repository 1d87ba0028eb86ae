"""A dbt project with the vault's macros on the local warehouse, and helpers to load batches of test rows."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud.bigquery import Client

from config.settings import Layer, Settings
from transform import dbt, packages
from transform.build_report import BuildReport
from warehouse import queries
from warehouse.ledger import tables as ledger_tables
from warehouse.ledger.tables import COMPLETED, insert
from warehouse.load_jobs import LoadRequest, load_parquet
from warehouse.queries import execute
from warehouse.tables import TableLayout, ensure_dataset, ensure_table

Row = dict[str, Any]
VAULT = packages.VAULT_DIR
OWN_FILES = ("dbt_project.yml", "profiles.yml", "packages.yml")


def load_time(batch: int) -> datetime:
    """Return the load time of a batch, with a microsecond that dbt must preserve."""
    return datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC) + timedelta(days=batch)


@dataclass(frozen=True)
class Sandbox:
    """A dbt project, the datasets that it builds, and the folder for staged files."""

    client: Client
    settings: Settings
    project: Path
    staged_files: Path

    def create_tables(self, layouts: Iterable[TableLayout]) -> None:
        """Create the raw tables and the ledger."""
        ensure_dataset(self.client, self.settings, "raw")
        ensure_dataset(self.client, self.settings, "audit")
        for layout in [*layouts, *ledger_tables.layouts(self.settings)]:
            ensure_table(self.client, layout)

    def deliver(self, batch: int, tables: Mapping[str, pa.Table]) -> None:
        """Load a batch, {raw table: rows with change_type, without other system columns}, and complete it."""
        self.load_raw(batch, tables)
        self.complete(batch)

    def load_raw(self, batch: int, tables: Mapping[str, pa.Table], part: str = "") -> None:
        """Load rows of a batch, or another part of them, without completing the batch."""
        for name, rows in tables.items():
            self._load(batch, name, rows, part)

    def complete(self, batch: int) -> None:
        """Mark a batch as completed."""
        done = {"batch_id": batch, "load_dts": load_time(batch), "status": COMPLETED,
                "finished_at": load_time(batch)}  # fmt: skip
        execute(self.client, insert(self.settings, "batches", [done]))

    def _load(self, batch: int, name: str, rows: pa.Table, part: str) -> None:
        system_columns = {
            "batch_id": pa.array([batch] * len(rows), pa.int64()),
            "load_dts": pa.array([load_time(batch)] * len(rows), pa.timestamp("us", tz="UTC")),
            "record_source": pa.array([f"wwi.{name.replace('__', '.')}"] * len(rows)),
        }
        for column, values in system_columns.items():
            rows = rows.append_column(column, values)
        job_id = f"{self.settings.dataset_prefix}-{batch}{part}-{name}"
        path = self.staged_files / f"{job_id}.parquet"
        pq.write_table(rows, path)
        table_id = f"{self.settings.project}.{self.settings.dataset('raw')}.{name}"
        load_parquet(self.client, self.settings, LoadRequest(path, table_id, job_id, {}))

    def build(self, *select: str, full_refresh: bool = False) -> BuildReport:
        """Run `dbt build`."""
        return dbt.build(self.settings, select=select, full_refresh=full_refresh, vault_dir=self.project)

    def rows(self, dataset: str, table: str) -> list[Row]:
        """Return all rows of a table."""
        return self.query(f"select * from {{{dataset}}}.{table}")

    def query(self, sql: str) -> list[Row]:
        """Run SQL; {audit}, {raw_vault}, ... are replaced by the datasets."""
        layers: tuple[Layer, ...] = ("raw", "staging", "raw_vault", "business_vault", "marts", "audit")
        names = {layer: self.settings.dataset(layer) for layer in layers}
        return queries.query(self.client, sql.format(**names))

    def forget_loads(self, condition: str) -> None:
        """Make batches pending again, as after a run that was killed before marking them as loaded."""
        sql = f"delete from {self.settings.dataset('audit')}.vault_loads where {condition}"
        execute(self.client, sql)

    def snapshot(self, dataset: str) -> dict[str, list[str]]:
        """Return {table: sorted rows} of a dataset, to compare two states."""
        tables = self.query(f"select distinct table_name as t from {{{dataset}}}.INFORMATION_SCHEMA.COLUMNS")
        return {row["t"]: _sorted(self.rows(dataset, row["t"])) for row in tables}


def _sorted(rows: Sequence[Row]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)


def make_project(folder: Path, models: Path, packages_dir: Path) -> Path:
    """Create a dbt project from the vault's settings and macros, other models, and a set of packages."""
    folder.mkdir()
    for name in OWN_FILES:
        shutil.copy(VAULT / name, folder / name)
    shutil.copytree(VAULT / "macros", folder / "macros")
    shutil.copytree(models, folder / "models")
    packages.install(folder, packages_dir)
    return folder


@pytest.fixture(scope="session")
def offline() -> Path:
    """Return the folder of the offline packages."""
    return VAULT / "offline"
