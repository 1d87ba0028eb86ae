"""The ledger of builds: what ran, its code and parameters, and the result of every model and test.

`vault_loads.invocation_id` joins a build to the batches that it loaded. A build has status "running" from
its start. If the next build finds a row "running", that build was killed and is marked so; its batches stay
pending. The caller holds the lease, so only one build runs at a time.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from google.cloud.bigquery import Client

from config.settings import Settings
from warehouse.ledger.tables import Row, insert, layout, table_name
from warehouse.queries import execute, query
from warehouse.tables import ensure_table

TABLES = ("builds", "build_nodes")
NODES_PER_STATEMENT = 500

RUNNING, KILLED = "running", "killed"
Status = Literal["running", "passed", "failed", "stopped"]


@dataclass(frozen=True)
class Node:
    """The result of one node. `failing_rows`: for a test. `bytes_billed`: None if it is not reported."""

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
    """One build. Status "stopped": dbt could not start, for the reason in `error`.

    `invocation_id`: dbt's id; a temporary one until the build has ended.
    `packages`, `arguments`, `vars`: JSON of package versions, dbt arguments and project variables.
    `packages_origin`: where the dbt packages came from, see transform/packages.py.
    `commit_id`: commit of the checkout, with `-dirty` if it had changes; None outside a checkout.
    `dataset_prefix`: of the datasets that were built; a rebuild has another one than this ledger.
    `scope`: "all", "touched" (affected by pending batches) or "selected". `project_hash`: builds with the
    same hash make the same tables from the same rows.
    """

    invocation_id: str
    started_at: datetime
    finished_at: datetime | None
    status: Status
    code_version: str
    commit_id: str | None
    packages: str
    packages_origin: str
    arguments: str
    vars: str
    dataset_prefix: str
    host: str
    scope: str
    project_hash: str
    error: str | None = None


def record_start(client: Client, settings: Settings, build: Build) -> None:
    """Record that a build is running, and mark builds that are still "running" as killed.

    Creates the two tables if an older release did not.
    """
    for name in TABLES:
        ensure_table(client, layout(settings, name))
    killed = f"update {_builds(settings)} set status = '{KILLED}' where status = '{RUNNING}'"
    execute(client, killed, timeout_s=settings.query_timeout_s)
    _insert_rows(client, settings, "builds", [asdict(build)])


def allows_incremental_build(client: Client, settings: Settings, project_hash: str) -> bool:
    """Return whether the next build may be incremental.

    It may when the newest build without a selection passed, it and all later builds passed with this project
    hash, and the newest batch in the vault was loaded by a build that passed. A build that could not be
    recorded does not count as passed.
    """
    ensure_table(client, layout(settings, "builds"))
    rows = query(
        client,
        _NEWEST_BUILDS.format(builds=_builds(settings), vault_loads=table_name(settings, "vault_loads")),
        {"prefix": settings.dataset_prefix},
        settings.query_timeout_s,
    )
    for row in rows:
        if row["status"] != "passed" or row["project_hash"] != project_hash:
            return False
        if row["scope"] != "selected":
            return bool(row["loader_passed"])
    return False


def record_end(
    client: Client, settings: Settings, running: Build, build: Build, nodes: Sequence[Node]
) -> None:
    """Record the nodes of a build, and replace its "running" row by the final one."""
    for start in range(0, len(nodes), NODES_PER_STATEMENT):
        rows = [
            {**asdict(node), "invocation_id": build.invocation_id, "finished_at": build.finished_at}
            for node in nodes[start : start + NODES_PER_STATEMENT]
        ]
        _insert_rows(client, settings, "build_nodes", rows)
    failed = sum(node.status in {"error", "fail", "runtime error"} for node in nodes)
    counts = {
        "models": sum(node.kind == "model" and node.status == "success" for node in nodes),
        "tests": sum(node.kind in {"test", "unit_test"} and node.status == "pass" for node in nodes),
        "failed": failed,
        "skipped": sum(node.status == "skipped" for node in nodes),
        "rows_affected": sum(node.rows_affected or 0 for node in nodes),
        "bytes_billed": _sum_of_known([node.bytes_billed for node in nodes]),
    }
    # last, so that a finished build always has its nodes
    script = [
        "begin transaction",
        f"delete from {_builds(settings)} where invocation_id = '{running.invocation_id}'",
        insert(settings, "builds", [{**asdict(build), **counts}]),
        "commit transaction",
    ]
    execute(client, ";\n".join(script) + ";", timeout_s=settings.query_timeout_s)


def _builds(settings: Settings) -> str:
    return table_name(settings, "builds")


def _insert_rows(client: Client, settings: Settings, name: str, rows: Sequence[Row]) -> None:
    execute(client, insert(settings, name, rows), timeout_s=settings.query_timeout_s)


def _sum_of_known(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


# after more builds than this with a selection, the next build is a full one
_NEWEST_BUILDS = """
select
    status,
    scope,
    project_hash,
    exists(
        select 1
        from {builds} as loader
        where loader.status = 'passed' and loader.invocation_id in (
            select invocation_id
            from {vault_loads}
            qualify row_number() over (order by loaded_at desc, batch_id desc) = 1
        )
    ) as loader_passed
from {builds} as builds
where dataset_prefix = @prefix
order by started_at desc
limit 20
"""
