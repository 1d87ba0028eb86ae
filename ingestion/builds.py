"""The ledger of builds: what ran, with which code and parameters, and what came of every model and test.

A row of `builds` is joined to the batches that the build took up by `vault_loads.invocation_id`. It is
written when the build has ended, so one that was killed leaves none: its batches stay pending for the next.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from google.cloud.bigquery import Client

from ingestion import bigquery, ledger
from ingestion.settings import Settings

TABLES = ("builds", "build_nodes")
NODES_A_STATEMENT = 500

Status = Literal["passed", "failed", "stopped"]


@dataclass(frozen=True)
class Node:
    """What came of one node. `failing_rows`: of a test; `bytes_billed`: None where the engine tells none."""

    kind: str
    name: str
    layer: str
    status: str
    rows_affected: int | None
    bytes_billed: int | None
    seconds: float
    failing_rows: int | None
    message: str | None


@dataclass(frozen=True)
class Build:
    """One build that has ended: "stopped" is one that dbt could not begin, for the reason in `error`.

    `packages`, `arguments` and `vars` are JSON: versions by name, what dbt was told, the project's variables.
    `commit_id`: of the checkout, with `-dirty` when it held changes; None outside one. `dataset_prefix`: of
    what was built, which for a rebuild is not the one of this ledger.
    """

    invocation_id: str
    started_at: datetime
    finished_at: datetime
    status: Status
    code_version: str
    commit_id: str | None
    packages: str
    arguments: str
    vars: str
    dataset_prefix: str
    host: str
    error: str | None = None


def record(client: Client, settings: Settings, build: Build, nodes: Sequence[Node]) -> None:
    """Write a build and its nodes, and make the two tables where an older release left none."""
    for name in TABLES:
        bigquery.ensure_table(client, ledger.layout(settings, name))
    for start in range(0, len(nodes), NODES_A_STATEMENT):
        rows = [
            {**asdict(node), "invocation_id": build.invocation_id, "finished_at": build.finished_at}
            for node in nodes[start : start + NODES_A_STATEMENT]
        ]
        _insert(client, settings, "build_nodes", rows)
    failed = sum(node.status in {"error", "fail", "runtime error"} for node in nodes)
    counts = {
        "models": sum(node.kind == "model" and node.status == "success" for node in nodes),
        "tests": sum(node.kind in {"test", "unit_test"} and node.status == "pass" for node in nodes),
        "failed": failed,
        "skipped": sum(node.status == "skipped" for node in nodes),
        "rows_affected": sum(node.rows_affected or 0 for node in nodes),
        "bytes_billed": _total([node.bytes_billed for node in nodes]),
    }
    # last: a build that is there is there whole
    _insert(client, settings, "builds", [{**asdict(build), **counts}])


def _insert(client: Client, settings: Settings, name: str, rows: Sequence[ledger.Row]) -> None:
    bigquery.execute(client, ledger.insert(settings, name, rows), timeout_s=settings.query_timeout_s)


def _total(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
