"""The ledger of builds: what ran, with which code and parameters, and what came of every model and test.

A row of `builds` is joined to the batches that the build took up by `vault_loads.invocation_id`. It is
"running" from the beginning of the build; one that the next build finds so was killed, and is called that
from then on: its batches stay pending. Whoever records a build holds the lease, so there is no second one.
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
NODES_A_STATEMENT = 500

RUNNING, KILLED = "running", "killed"
Status = Literal["running", "passed", "failed", "stopped"]


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
    """One build: "stopped" is one that dbt could not begin, for the reason in `error`.

    `invocation_id`: dbt's; until it has ended, one of our own.

    `packages`, `arguments` and `vars` are JSON: versions by name, what dbt was told, the project's variables.
    `packages_origin`: where the dbt packages came from, see transform/packages.py.
    `commit_id`: of the checkout, with `-dirty` when it held changes; None outside one. `dataset_prefix`: of
    what was built, which for a rebuild is not the one of this ledger. `scope`: "all" of the project, what the
    batches "touched", or what was "selected"; `project_hash`: two builds with the same one make the same
    tables of the same rows.
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


def begin(client: Client, settings: Settings, build: Build) -> None:
    """Write that a build is running, and of one that still is said to be that it was killed.

    Makes the two tables where an older release left none.
    """
    for name in TABLES:
        ensure_table(client, layout(settings, name))
    killed = f"update {_builds(settings)} set status = '{KILLED}' where status = '{RUNNING}'"
    execute(client, killed, timeout_s=settings.query_timeout_s)
    _insert(client, settings, "builds", [asdict(build)])


def is_continued(client: Client, settings: Settings, project_hash: str) -> bool:
    """Whether all that there is was left by builds of this project that succeeded.

    That is so when the newest build that was not told what to select did, it and those after it are of this
    project, and what the vault holds was loaded by a build that succeeded, too. One that could not be noted
    is not known to have.
    """
    ensure_table(client, layout(settings, "builds"))
    rows = query(
        client,
        _NEWEST.format(builds=_builds(settings), vault_loads=table_name(settings, "vault_loads")),
        {"prefix": settings.dataset_prefix},
        settings.query_timeout_s,
    )
    for row in rows:
        if row["status"] != "passed" or row["project_hash"] != project_hash:
            return False
        if row["scope"] != "selected":
            return bool(row["loader_passed"])
    return False


def end(client: Client, settings: Settings, running: Build, build: Build, nodes: Sequence[Node]) -> None:
    """Write the nodes of a build, and the build in the place of the one that was running."""
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
    # last: a build that has ended is there whole
    script = [
        "begin transaction",
        f"delete from {_builds(settings)} where invocation_id = '{running.invocation_id}'",
        insert(settings, "builds", [{**asdict(build), **counts}]),
        "commit transaction",
    ]
    execute(client, ";\n".join(script) + ";", timeout_s=settings.query_timeout_s)


def _builds(settings: Settings) -> str:
    return table_name(settings, "builds")


def _insert(client: Client, settings: Settings, name: str, rows: Sequence[Row]) -> None:
    execute(client, insert(settings, name, rows), timeout_s=settings.query_timeout_s)


def _total(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


# more of them by hand, one after the other, and the next build takes everything
_NEWEST = """
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
