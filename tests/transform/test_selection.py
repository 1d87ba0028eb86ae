"""Test that a build selects the affected models, and all models in case of doubt."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.cloud.bigquery import Client

from config.settings import Layer, Settings
from transform import build_record, selection
from warehouse.client import connect
from warehouse.ledger import builds
from warehouse.ledger import tables as ledger_tables
from warehouse.ledger.tables import COMPLETED, table_name
from warehouse.queries import execute
from warehouse.tables import ensure_dataset, ensure_table

pytestmark = pytest.mark.services

MODELS: tuple[tuple[Layer, str], ...] = (
    ("staging", "stg_wwi__orders"),
    ("business_vault", "bv_batch"),
    ("marts", "fct_order"),
)
EARLIER = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = selection.full_selection(["build"], "this project")


@dataclass
class Warehouse:
    """A ledger with a sequence of events, and the models of a project."""

    client: Client
    settings: Settings
    vault_dir: Path
    hour: int = 0
    batch: int = 0

    def insert(self, name: str, **row: object) -> None:
        execute(self.client, ledger_tables.insert(self.settings, name, [row]))

    def now(self) -> datetime:
        self.hour += 1
        return EARLIER + timedelta(hours=self.hour)

    def add_batch(self, *tables: str, at: datetime | None = None) -> int:
        """Add a completed batch with a row in each of these tables."""
        self.batch += 1
        when = at or self.now()
        self.insert("batches", batch_id=self.batch, load_dts=when, status=COMPLETED, finished_at=when)
        for table in (*tables, "sales.special_deals"):
            rows = int(table in tables)
            self.insert("table_loads", batch_id=self.batch, table_name=table, rows_loaded=rows)
        return self.batch

    def build(self, plan: selection.Plan = PLAN, *batches: int, status: builds.Status = "passed") -> None:
        """Record an ended build and the batches that it loaded."""
        began = self.now()
        begun = build_record.record_start(self.client, self.settings, plan, self.vault_dir)
        own = replace(begun, started_at=began, invocation_id=f"dbt {self.hour}", status=status)
        builds.record_end(self.client, self.settings, begun, own, [])
        self.load(own.invocation_id, *batches)

    def load(self, invocation_id: str, *batches: int) -> None:
        """Record batches as loaded, as a build does at its end."""
        for batch in batches:
            execute(
                self.client,
                f"insert into {table_name(self.settings, 'vault_loads')} "
                "(batch_id, load_dts, invocation_id, loaded_at) "
                f"select batch_id, load_dts, '{invocation_id}', current_timestamp() "
                f"from {table_name(self.settings, 'batches')} where batch_id = {batch}",
            )

    def plan(self, plan: selection.Plan = PLAN) -> selection.Plan:
        """Return the selection of a build now."""
        return selection.incremental_selection(plan, self.client, self.settings, self.vault_dir)


@pytest.fixture(scope="module")
def client(settings: Settings) -> Client:
    """Return a client of a warehouse with the datasets."""
    found = connect(settings)
    for layer in ("audit", *dict(MODELS)):
        ensure_dataset(found, settings, layer)
    return found


@pytest.fixture
def warehouse(client: Client, settings: Settings, tmp_path: Path) -> Warehouse:
    """Return a warehouse with one batch loaded by a full build and one pending batch of orders."""
    for name in ("batches", "table_loads", "vault_loads", *builds.TABLES):
        layout = ledger_tables.layout(settings, name)
        ensure_table(client, layout)
        execute(client, f"delete from `{layout.table_id}` where true")
    for layer, name in MODELS:
        folder = tmp_path / "models" / layer
        folder.mkdir(parents=True)
        (folder / f"{name}.sql").write_text("select 1 as id")
        execute(client, f"create or replace table {settings.dataset(layer)}.{name} as select 1 as id")
    (tmp_path / "dbt_project.yml").write_text("name: small")
    found = Warehouse(client, settings, tmp_path)
    found.build(PLAN, found.add_batch("sales.orders", "sales.customers"))
    found.add_batch("sales.orders")
    return found


def test_a_build_selects_models_affected_by_pending_batches(warehouse: Warehouse) -> None:
    warehouse.add_batch("sales.invoices")
    plan = warehouse.plan()
    assert plan.scope == "touched"
    assert plan.arguments == (
        "build",
        "--select", "source:wwi_raw.sales__invoices+", "source:wwi_raw.sales__orders+",
        *selection.ALWAYS_BUILT,
        "--exclude", *selection.VIEWS,
    )  # fmt: skip


def test_a_batch_without_rows_selects_only_models_built_every_time(warehouse: Warehouse) -> None:
    warehouse.build(warehouse.plan(), 2)
    warehouse.add_batch()
    assert warehouse.plan().arguments == (
        "build", "--select", *selection.ALWAYS_BUILT, "--exclude", *selection.VIEWS,
    )  # fmt: skip


def test_incremental_builds_can_follow_each_other(warehouse: Warehouse) -> None:
    warehouse.build(warehouse.plan(), 2)
    warehouse.build(selection.full_selection(["build", "--select", "marts"], PLAN.project_hash))
    warehouse.add_batch("sales.customers")
    assert warehouse.plan().scope == "touched"


def late_batch(warehouse: Warehouse) -> None:
    warehouse.add_batch("sales.orders", at=EARLIER)


def no_pending_batch(warehouse: Warehouse) -> None:
    warehouse.build(PLAN, 2)


def failed_build(warehouse: Warehouse) -> None:
    warehouse.build(PLAN, status="failed")


def failed_partial_build(warehouse: Warehouse) -> None:
    warehouse.build(
        selection.full_selection(["build", "--select", "marts"], PLAN.project_hash), status="failed"
    )


def killed_build(warehouse: Warehouse) -> None:
    build_record.record_start(warehouse.client, warehouse.settings, PLAN, warehouse.vault_dir)


def other_project(warehouse: Warehouse) -> None:
    warehouse.build(selection.full_selection(["build", "--select", "marts"], "another project"))


def unrecorded_build(warehouse: Warehouse) -> None:
    warehouse.load("a build that could not be recorded", 2)
    warehouse.add_batch("sales.orders")


def batch_without_table_loads(warehouse: Warehouse) -> None:
    loads = table_name(warehouse.settings, "table_loads")
    execute(warehouse.client, f"delete from {loads} where batch_id = {warehouse.batch}")


def missing_mart(warehouse: Warehouse) -> None:
    execute(warehouse.client, f"drop table {warehouse.settings.dataset('marts')}.fct_order")


def missing_ledger_table(warehouse: Warehouse) -> None:
    execute(warehouse.client, f"drop table {warehouse.settings.dataset('audit')}.table_loads")


@pytest.mark.parametrize(
    "event",
    [late_batch, no_pending_batch, failed_build, failed_partial_build, killed_build, other_project,
     unrecorded_build, batch_without_table_loads, missing_mart, missing_ledger_table],
)  # fmt: skip
def test_a_build_uses_the_full_selection_if_tables_could_stay_wrong(
    warehouse: Warehouse, event: Callable[[Warehouse], None]
) -> None:
    assert warehouse.plan().scope == "touched"
    event(warehouse)
    assert warehouse.plan() == PLAN


def test_an_expired_stage_is_rebuilt(warehouse: Warehouse) -> None:
    execute(warehouse.client, f"drop table {warehouse.settings.dataset('staging')}.stg_wwi__orders")
    warehouse.build(warehouse.plan(), 2)
    warehouse.add_batch("sales.invoices")
    assert "stg_wwi__orders" in warehouse.plan().arguments


def test_every_change_of_the_project_changes_its_hash(warehouse: Warehouse, settings: Settings) -> None:
    folder = warehouse.vault_dir
    hashes = [build_record.project_hash(folder, settings)]
    (folder / "target").mkdir()
    (folder / "target" / "compiled.sql").write_text("select 1 as id")
    assert build_record.project_hash(folder, settings) == hashes[0], "dbt's output does not count"
    (folder / "models" / "marts" / "fct_order.sql").write_text("select 2 as id")
    hashes.append(build_record.project_hash(folder, settings))
    (folder / "models" / "marts" / "fct_order.sql").rename(folder / "models" / "marts" / "fct_sale.sql")
    hashes.append(build_record.project_hash(folder, settings))
    (folder / "dbt_project.yml").write_text("vars: {key_range: 5}")
    hashes.append(build_record.project_hash(folder, settings))
    hashes.append(build_record.project_hash(folder, settings.model_copy(update={"personal_policy_tag": "t"})))
    packages = folder / "dbt_packages" / "automate_dv"
    packages.mkdir(parents=True)
    (packages / "hub.sql").write_text("{% macro hub() %}{% endmacro %}")
    hashes.append(build_record.project_hash(folder, settings))
    assert len(set(hashes)) == len(hashes)
