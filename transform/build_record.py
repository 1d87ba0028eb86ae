"""Record a build in the ledger: dbt's results, and the code that ran."""

import hashlib
import json
import logging
import socket
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml
from google.cloud.bigquery import Client

from config.settings import PROJECT_ROOT, Settings
from metadata.errors import WwiError
from transform import packages
from transform.dbt_messages import MESSAGE_LENGTH, shorten
from transform.loading.plan import LoadPlan
from transform.selection import Plan
from warehouse.ledger import builds, test_failures
from warehouse.ledger.test_failures import FailedTest, FailingRow

logger = logging.getLogger(__name__)

PACKAGES = ("dbt-core", "dbt-bigquery", "google-cloud-bigquery")
# files that decide which tables a build makes from the same rows
PROJECT_FILES = ("*.sql", "*.yml", "*.csv", "*.py")
IGNORED_FOLDERS = {"target", "logs", "offline"}
FAILED_STATUSES = ("error", "fail", "runtime error")


def record_start(
    client: Client,
    settings: Settings,
    plan: Plan,
    vault_dir: Path,
    *,
    raw_prefix: str | None = None,
) -> builds.Build:
    """Record that a build has started, and return the record. A failure to record is only logged.

    `raw_prefix`: see `transform.dbt.build`. A rebuild is recorded in the ledger of the warehouse that it
    reads, because its own ledger is dropped.
    """
    build = builds.Build(
        invocation_id=uuid.uuid4().hex,
        started_at=datetime.now(UTC),
        finished_at=None,
        status="running",
        code_version=version("wwi-vault"),
        commit_id=commit_id(),
        packages=json.dumps(_packages(vault_dir)),
        packages_origin=packages.origin(vault_dir),
        arguments=json.dumps(list(plan.arguments)),
        scope=plan.scope,
        project_hash=plan.project_hash,
        vars=json.dumps(project_variables(vault_dir)),
        dataset_prefix=settings.dataset_prefix,
        host=socket.gethostname(),
    )
    try:
        builds.record_start(client, _ledger_settings(settings, raw_prefix), build)
    except WwiError as failure:
        logger.warning("could not record the build in the ledger: %s", failure)
    return build


def with_load_plan(build: builds.Build, plan: LoadPlan) -> builds.Build:
    """Return the record with the load plan that dbt gets."""
    return replace(build, vars=json.dumps(json.loads(build.vars) | {"load_plan": plan.as_dict()}))


def record_end(  # noqa: PLR0913 - a build and where it is noted
    client: Client,
    settings: Settings,
    started: builds.Build,
    results: Sequence[Any],
    *,
    raw_prefix: str | None = None,
    error: str | None = None,
) -> tuple[FailingRow, ...]:
    """Record the result of a build; return the first rows that failed its data tests. See `record_start`."""
    nodes = [ledger_node(result) for result in results]
    finished_at = datetime.now(UTC)
    build = replace(
        started,
        invocation_id=invocation_id(),
        finished_at=finished_at,
        status="stopped"
        if error
        else "failed"
        if any(n.status in FAILED_STATUSES for n in nodes)
        else "passed",
        error=error[:MESSAGE_LENGTH] if error else None,
    )
    ledger, failed = _ledger_settings(settings, raw_prefix), failed_tests(results)
    try:
        builds.record_end(client, ledger, started, build, nodes)
        if not failed:
            return ()
        test_failures.copy_failures(client, ledger, build.invocation_id, finished_at, failed)
        return test_failures.read_failures(client, ledger, build.invocation_id)
    except WwiError as failure:
        logger.warning("could not record the build in the ledger: %s", failure)
        return ()


def failed_tests(results: Sequence[Any]) -> list[FailedTest]:
    """Return the data tests that found rows, with their SQL."""
    return [
        FailedTest(result.node.name, _tested_table(result.node), result.node.compiled_code)
        for result in results
        if str(result.node.resource_type) == "test"
        and getattr(result, "failures", None)
        and getattr(result.node, "compiled_code", None)
    ]


def _tested_table(node: Any) -> str:
    """Return the model that a test belongs to, or else the first model that it reads."""
    inputs = getattr(node.depends_on, "nodes", None) or [""]
    return str(getattr(node, "attached_node", None) or inputs[0]).rpartition(".")[2]


def _ledger_settings(settings: Settings, raw_prefix: str | None) -> Settings:
    return settings.model_copy(update={"dataset_prefix": raw_prefix or settings.dataset_prefix})


def ledger_node(result: Any) -> builds.Node:
    """Return the ledger row of one dbt result.

    Only failed nodes have a message. It contains no values: the rows that fail a test are in
    `test_failures`.
    """
    node, status = result.node, str(result.status)
    kind = str(node.resource_type)
    response = getattr(result, "adapter_response", None) or {}
    return builds.Node(
        kind=kind,
        name=node.name,
        layer=str(node.fqn[1]) if kind == "model" and len(node.fqn) > 1 else "",
        status=status,
        rows_affected=_number(response.get("rows_affected")),
        bytes_billed=_number(response.get("bytes_billed")),
        seconds=round(float(result.execution_time), 3),
        failing_rows=_number(getattr(result, "failures", None)) if kind in {"test", "unit_test"} else None,
        message=shorten(result.message or "") if status in FAILED_STATUSES else None,
    )


def commit_id() -> str | None:
    """Return the commit of this checkout, with `-dirty` if it has changes; None without a checkout."""
    if not (PROJECT_ROOT / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(PROJECT_ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def project_hash(vault_dir: Path, settings: Settings) -> str:
    """Return a hash of all that decides which tables a build makes: project, packages, policy tag."""
    found = hashlib.sha256(json.dumps([_packages(vault_dir), settings.policy_tag]).encode())
    paths = (path for pattern in PROJECT_FILES for path in vault_dir.rglob(pattern))
    for name in sorted(path.relative_to(vault_dir) for path in paths):
        if name.parts[0] not in IGNORED_FOLDERS:
            found.update(f"\n{name}\n".encode() + (vault_dir / name).read_bytes())
    return found.hexdigest()


def invocation_id() -> str:
    """Return dbt's id of the invocation that runs in this process, or ran last."""
    from dbt_common.invocation import get_invocation_id  # noqa: PLC0415 - dbt takes seconds to import

    return str(get_invocation_id())


def _packages(vault_dir: Path) -> dict[str, str]:
    """Return the versions of the libraries and dbt packages."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found | packages.versions(vault_dir)


def project_variables(vault_dir: Path) -> dict[str, Any]:
    """Return the variables of the dbt project."""
    project = yaml.safe_load((vault_dir / "dbt_project.yml").read_text(encoding="utf-8"))
    found: dict[str, Any] = project.get("vars") or {}
    return found


def _number(value: object) -> int | None:
    return None if value is None else int(str(value))
