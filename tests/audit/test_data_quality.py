"""Test results are the latest of each test that the project still has."""

from datetime import UTC, datetime, timedelta

import pytest
from google.cloud.bigquery import Client

from audit.data_quality import failing_nodes, failing_rows
from config.settings import Settings
from operations.retention import _thin_nodes
from warehouse.client import connect
from warehouse.ledger.tables import Row, insert, layout, table_name
from warehouse.queries import execute, query
from warehouse.tables import ensure_dataset, ensure_table

pytestmark = pytest.mark.services

START = datetime(2026, 1, 1, tzinfo=UTC)
# build: scope, prefix, {test: outcome}; one build a month
BUILDS: dict[str, tuple[str, str, dict[str, str]]] = {
    "first": ("all", "live", {"renamed": "fail", "odd": "warn", "corrected": "warn", "quiet": "warn"}),
    "whole": ("all", "live", {"odd": "warn", "corrected": "warn", "quiet": "warn", "broken": "skipped"}),
    "small": ("touched", "live", {"corrected": "pass", "odd": "warn", "broken": "fail"}),
    "shadow": ("all", "shadow", {"quiet": "pass"}),
}


@pytest.fixture(scope="module")
def client(settings: Settings) -> Client:
    """A ledger with BUILDS; every warning and failure has a failing row with the name of its build."""
    client = connect(settings)
    ensure_dataset(client, settings, "audit")
    for name in ("builds", "build_nodes", "test_failures"):
        ensure_table(client, layout(settings, name))
    builds: list[Row] = []
    nodes: list[Row] = []
    rows: list[Row] = []
    for month, (build, (scope, place, outcomes)) in enumerate(BUILDS.items()):
        at = START + timedelta(days=30 * month)
        prefix = settings.dataset_prefix if place == "live" else place
        shared = {"invocation_id": build, "finished_at": at}
        builds.append(
            {**shared, "started_at": at, "status": "passed", "scope": scope, "dataset_prefix": prefix}
        )
        for test, outcome in outcomes.items():
            nodes.append({**shared, "kind": "test", "name": test, "status": outcome, "failing_rows": 1})
            if outcome in {"warn", "fail"}:
                rows.append(
                    {**shared, "test_name": test, "table_name": "t", "row_key": build, "column_name": "c",
                     "value": "v", "expected": "e", "failing_rows": 1}
                )  # fmt: skip
    for name, found in (("builds", builds), ("build_nodes", nodes), ("test_failures", rows)):
        execute(client, insert(settings, name, found))
    return client


def latest_results(client: Client, settings: Settings) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return test and status of failing nodes, and test and build of failing rows."""
    nodes = [(node.name, node.status) for node in failing_nodes(client, settings)]
    return nodes, sorted((row.test, row.key) for row in failing_rows(client, settings))


def test_a_test_that_did_not_run_keeps_its_result_and_a_removed_one_has_none(
    client: Client, settings: Settings
) -> None:
    assert latest_results(client, settings) == (
        [("broken", "fail"), ("odd", "warn"), ("quiet", "warn")],
        [("broken", "small"), ("odd", "small"), ("quiet", "whole")],
    )


def test_retention_keeps_the_latest_results(client: Client, settings: Settings) -> None:
    before = latest_results(client, settings)
    _thin_nodes(client, settings, START + timedelta(days=1000))
    assert latest_results(client, settings) == before
    kept = query(
        client,
        f"select test_name, row_key from {table_name(settings, 'test_failures')} order by 1, 2",
    )
    assert [(row["test_name"], row["row_key"]) for row in kept] == [
        ("broken", "small"), ("odd", "small"), ("quiet", "whole"), ("renamed", "first"),
    ]  # fmt: skip
