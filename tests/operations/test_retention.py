"""Retention deletes details of old builds and shadow datasets of an old rebuild, and nothing else."""

from datetime import UTC, date, datetime, timedelta

import pytest

from config.errors import PermanentError
from config.settings import Settings
from ingestion.load.create_tables import ensure_layout
from metadata.spec import Catalog
from operations import shadow_datasets
from operations.retention import SHADOW_DAYS, apply_retention
from warehouse.client import connect
from warehouse.ledger import rebuilds
from warehouse.ledger.tables import insert, layout, table_name
from warehouse.queries import execute, query
from warehouse.tables import ensure_dataset, ensure_table

pytestmark = pytest.mark.services

NOW = datetime(2013, 6, 20, tzinfo=UTC)
# when each build ended; `c` is the last of its month, `e` of the last weeks
BUILDS = {"a": (4, 3), "b": (4, 20), "c": (4, 30), "d": (5, 2), "e": (6, 1)}
NODES = {"dim_city": "success", "unique_city": "pass", "fct_sale": "error", "not_null_sale": "warn"}
LADDER = (date(2013, 1, 2), date(2013, 6, 18), date(2013, 6, 19))


@pytest.fixture(scope="module")
def built(settings: Settings, catalog: Catalog) -> Settings:
    """A ledger of five builds, and the snapshot schedule of the last one."""
    client = connect(settings)
    ensure_layout(client, settings, catalog, force=True)
    with pytest.raises(PermanentError, match="nothing is built yet"):
        apply_retention(settings)
    ended = {name: datetime(2013, month, day, tzinfo=UTC) for name, (month, day) in BUILDS.items()}
    builds = [{"invocation_id": name, "finished_at": at} for name, at in ended.items()]
    nodes = [
        {"invocation_id": name, "name": node, "status": status, "finished_at": at}
        for name, at in ended.items()
        for node, status in NODES.items()
    ]
    for table, rows in (("builds", builds), ("build_nodes", nodes)):
        ensure_table(client, layout(settings, table))
        execute(client, insert(settings, table, rows))
    ensure_dataset(client, settings, "business_vault")
    ladder = " union all ".join(
        f"select date '{day}' as snapshot_date, {day.month == 6} as is_daily, false as is_weekly, "
        f"false as is_monthly, {day.month == 1} as is_yearly"
        for day in LADDER
    )
    execute(client, f"create table {settings.dataset('business_vault')}.bv_snapshot as {ladder}")
    return settings


def nodes_of(settings: Settings) -> dict[str, set[str]]:
    """Return the remaining nodes of each build."""
    table = table_name(settings, "build_nodes")
    found: dict[str, set[str]] = {}
    for row in query(connect(settings), f"select invocation_id, name from {table}"):
        found.setdefault(row["invocation_id"], set()).add(row["name"])
    return found


def test_failures_recent_builds_and_the_last_build_of_a_month_are_kept(built: Settings) -> None:
    report = apply_retention(built, now=NOW)
    all_of_it, failures = set(NODES), {"fct_sale", "not_null_sale"}
    assert nodes_of(built) == {
        "a": failures, "b": failures, "c": all_of_it, "d": all_of_it, "e": all_of_it,
    }  # fmt: skip
    assert (report.nodes_deleted, report.nodes_kept, report.dropped_prefix) == (4, 16, None)
    assert [(rung.name, rung.days) for rung in report.ladder] == [
        ("daily", 2), ("weekly", 0), ("monthly", 0), ("yearly", 1),
    ]  # fmt: skip
    assert "| yearly | 1 | 2013-01-02 |" in report.as_markdown()
    assert apply_retention(built, now=NOW).nodes_deleted == 0


def test_shadow_datasets_are_dropped_only_when_old(built: Settings) -> None:
    client = connect(built)
    rebuilds.ensure_tables(client, built)
    rebuild_id = rebuilds.record_start(client, built)
    for layer in shadow_datasets.LAYERS:
        ensure_dataset(client, built, layer)
    made = shadow_datasets.create(client, built, rebuild_id)
    now = datetime.now(UTC)
    assert apply_retention(built, now=now + timedelta(days=SHADOW_DAYS - 1)).dropped_prefix is None
    assert shadow_datasets.exists(client, built, rebuild_id)
    rebuilds.set_status(client, built, rebuild_id, "swapping")
    later = now + timedelta(days=SHADOW_DAYS + 1)
    assert apply_retention(built, now=later).dropped_prefix is None, "its swap is not finished"
    rebuilds.set_status(client, built, rebuild_id, "different")
    assert apply_retention(built, now=later).dropped_prefix == made.dataset_prefix
    assert not shadow_datasets.exists(client, built, rebuild_id)
