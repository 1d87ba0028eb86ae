"""The one way to call dbt: its settings, what it is told, and what came of it.

`build` runs dbt by itself and needs no Prefect server; `flows.dbt_tasks` runs it with a Prefect task per
node, by the same `run`, so that settings, report and errors are the same.
"""

import gc
import logging
import os
import re
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from google.cloud.bigquery import Client

from flows import build_record, scope
from flows.clock import wait_for_batches
from flows.dbt_messages import plain_messages, shorten
from flows.environment import dbt_variables
from flows.node_retry import node_retries
from flows.packages import refuse_offline
from flows.scope import Scope
from flows.selection import STRICT, nothing_selected, selection_error
from ingestion.bigquery import connect, connection_variables
from ingestion.errors import PermanentError, TransientError
from ingestion.lease import hold, interrupter
from ingestion.loopback import no_proxy
from ingestion.private import keep_private
from ingestion.rebuilds import refuse_open_swap
from ingestion.settings import PROJECT_ROOT, Settings
from ingestion.test_failures import FailingRow
from metadata.naming import RAW_PREFIX

logger = logging.getLogger(__name__)
nodes_logger = logging.getLogger(f"{__name__}.nodes")

VAULT_DIR = PROJECT_ROOT / "vault"
TARGET = Path("dbt") / "target"
MANIFEST = "manifest.json"
# what dbt has parsed holds for one prefix: a rebuild would have the next build parse everything again
REBUILD_TARGET = Path("dbt") / "rebuild"
WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
SELDOM = (50_000, 20, 50)  # thresholds of the garbage collector, 700, 10 and 10 by default
SHOWN_FAILURES = 5
SHOWN_ROWS = 3
LOST_CONNECTION = re.compile(
    r"connection (refused|reset|aborted|error)|max retries exceeded|remotedisconnected|remote end closed"
    r"|failed to establish|temporarily unavailable|service unavailable|bad gateway|\b50[234]\b"
    r"|exceeded rate limits|(job)?(backend|internal)error|could not serialize access",
    re.IGNORECASE,
)


Invoke = Callable[[list[str], Settings, Path], Sequence[Any]]


@dataclass(frozen=True)
class NodeFailure:
    """A node that failed: its kind (model, test, operation ...), its name, and the engine's reason."""

    kind: str
    name: str
    message: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.message}"


@dataclass(frozen=True)
class BuildReport:
    """What one dbt invocation did. Counts are nodes; `layer_seconds` adds up the nodes of each layer.

    `scope`: which part of the project it took, see flows/scope.py. `warnings`: the first rows of each data
    test that warned.
    """

    seconds: float
    models_passed: int = 0
    tests_passed: int = 0
    warned: int = 0
    skipped: int = 0
    failures: tuple[NodeFailure, ...] = ()
    layer_seconds: Mapping[str, float] = field(default_factory=dict)
    scope: Scope = "all"
    warnings: tuple[FailingRow, ...] = ()

    @property
    def outcome(self) -> str:
        """The counts as people read them."""
        counts = f"{self.models_passed} models, {self.tests_passed} tests passed, {self.warned} warned"
        return f"{counts}: what the batches touch" if self.scope == "touched" else counts


class BuildFailedError(PermanentError):
    """Nodes failed for reasons that stay: a failed test, a rejected statement."""

    def __init__(self, report: BuildReport) -> None:
        super().__init__(_failure_text(report))
        self.report = report


class BuildInterruptedError(TransientError):
    """Nodes failed because the warehouse could not be reached: another attempt may well finish the build."""

    def __init__(self, report: BuildReport) -> None:
        super().__init__(_failure_text(report))
        self.report = report


def build(  # noqa: PLR0913 - what to build, how, and from where
    settings: Settings,
    *,
    select: Sequence[str] = (),
    full_refresh: bool = False,
    unit_tests: bool = False,
    whole: bool = False,
    vault_dir: Path = VAULT_DIR,
    raw_prefix: str | None = None,
) -> BuildReport:
    """Build and test the selected nodes, by default staging to marts, and return what was done.

    A plain build leaves out what the waiting batches do not touch (flows/scope.py); with `whole` it does not.
    `raw_prefix`: raw is read from the datasets of this prefix, not from those that are written to.
    Raises BuildFailedError or BuildInterruptedError when a node failed, and PermanentError or
    TransientError when dbt got no further than its own start.
    """
    arguments = build_arguments(select, full_refresh=full_refresh, unit_tests=unit_tests)
    report = run(arguments, settings, vault_dir, _invoke, whole=whole, raw_prefix=raw_prefix)
    if select and not (report.models_passed or report.tests_passed or report.warned):
        raise nothing_selected(select, settings.home / TARGET / MANIFEST)
    return report


def build_arguments(
    select: Sequence[str] = (), *, full_refresh: bool = False, unit_tests: bool = False
) -> list[str]:
    """Return dbt's arguments for a build of the selected nodes, by default of all.

    Unit tests judge the SQL on rows of their own and say nothing about the data: a load goes without them.
    """
    selection = ["--select", *select] if select else []
    return [
        "build",
        *selection,
        *([] if unit_tests else WITHOUT_UNIT_TESTS),
        *(["--full-refresh"] if full_refresh else []),
        *(STRICT if select else []),
    ]


def make_views(settings: Settings, *, vault_dir: Path = VAULT_DIR) -> BuildReport:
    """Make the views of business vault and marts anew, for one who holds the lease already."""
    return make(settings, scope.VIEWS, vault_dir=vault_dir)


def make(
    settings: Settings, select: Sequence[str], *, vault_dir: Path = VAULT_DIR, raw_prefix: str | None = None
) -> BuildReport:
    """Make these models anew without their tests, for one who holds the lease already."""
    started = time.monotonic()
    with _environment(settings, vault_dir, raw_prefix):
        results = _invoke(["run", "--select", *select], settings, vault_dir)
    report = summarise(results, time.monotonic() - started)
    raise_if_failed(report)
    return report


def run(  # noqa: PLR0913 - what to build, how, and from where
    arguments: list[str],
    settings: Settings,
    vault_dir: Path,
    invoke: Invoke,
    *,
    whole: bool = False,
    raw_prefix: str | None = None,
) -> BuildReport:
    """Run one dbt command by `invoke`, and return its report or raise as `build`.

    It holds the lease of the warehouse. With WWI_BUILD_BYTES_LIMIT set it begins only below that limit.
    """
    started = time.monotonic()
    from flows.patience import patience  # noqa: PLC0415 - imports the BigQuery client, seconds

    with _environment(settings, vault_dir, raw_prefix), patience(), node_retries():
        client = connect(settings, "build")
        if settings.build_bytes_limit is not None:
            from flows.dry_run import stop_above_limit  # noqa: PLC0415 - it imports this module

            stop_above_limit(settings, arguments, vault_dir, whole=whole, raw_prefix=raw_prefix)
        # two builds at once would insert the same satellite rows: each finds them missing
        with hold(client, settings, "build", on_lost=interrupter()) as lease:
            refuse_open_swap(client, settings)
            wait_for_batches(client, settings)
            made = plan(client, settings, arguments, vault_dir, whole=whole, raw_prefix=raw_prefix)
            begun = build_record.begin(client, settings, made, vault_dir, raw_prefix=raw_prefix)
            try:
                results = invoke([*made.arguments], settings, vault_dir)
            except PermanentError as error:
                build_record.end(client, settings, begun, (), raw_prefix=raw_prefix, error=str(error))
                raise
            lease.check()
            failing = build_record.end(client, settings, begun, results, raw_prefix=raw_prefix)
    report = replace(summarise(results, time.monotonic() - started, failing), scope=made.scope)
    raise_if_failed(report)
    counts = report.models_passed, report.tests_passed, report.seconds
    logger.info("build scope=%s models=%d tests=%d seconds=%.1f", made.scope, *counts)
    return report


def plan(  # noqa: PLR0913 - what to build, how, and from where
    client: Client,
    settings: Settings,
    arguments: Sequence[str],
    vault_dir: Path = VAULT_DIR,
    *,
    whole: bool = False,
    raw_prefix: str | None = None,
) -> scope.Plan:
    """Return what a build with these arguments takes: a plain one leaves out what no batch touches."""
    told = scope.whole(arguments, build_record.project_hash(vault_dir, settings))
    is_plain = [*arguments] == build_arguments() and not whole
    if not is_plain or raw_prefix is not None or vault_dir != VAULT_DIR:
        return told
    return scope.narrowed(told, client, settings, vault_dir)


def compiled(
    arguments: Sequence[str], settings: Settings, vault_dir: Path, raw_prefix: str | None = None
) -> Sequence[Any]:
    """Return the nodes of a build with these arguments, compiled as it would run them now."""
    kept = [argument for argument in arguments[1:] if argument not in WITHOUT_UNIT_TESTS]
    with _environment(settings, vault_dir, raw_prefix):
        results = _invoke(["compile", *kept], settings, vault_dir)
    raise_if_failed(summarise(results, 0))
    return [result.node for result in results]


def document(settings: Settings, select: Sequence[str], vault_dir: Path) -> Path:
    """Have dbt write its documents of the selected nodes, and return the folder they are in."""
    folder = settings.home / TARGET
    (folder / "static_index.html").unlink(missing_ok=True)
    selection = ["--select", *select] if select else []
    with _environment(settings, vault_dir), warnings.catch_warnings():
        # the adapter's query has no owners, which dbt's table of results is told to expect
        warnings.filterwarnings("ignore", message='"table_owner"', category=RuntimeWarning)
        _invoke(["docs", "generate", "--static", *selection], settings, vault_dir)
    if not (folder / "static_index.html").exists():
        raise PermanentError(
            "dbt could not compile the models, so there are no documents. `wwi build` names the model."
        )
    return folder


def raise_if_failed(report: BuildReport) -> None:
    """Raise BuildFailedError, or BuildInterruptedError when the warehouse was lost, if a node failed."""
    if report.failures:
        lost = all(LOST_CONNECTION.search(failure.message) for failure in report.failures)
        raise BuildInterruptedError(report) if lost else BuildFailedError(report)


def summarise(results: Sequence[Any], seconds: float, failing: Sequence[FailingRow] = ()) -> BuildReport:
    """Turn dbt's node results into a report.

    `seconds`: of the whole invocation. `failing`: the rows that failed data tests.
    """
    counts: Counter[str] = Counter()
    layers: dict[str, float] = defaultdict(float)
    failures = []
    for result in results:
        node, status = result.node, str(result.status)
        is_test = node.resource_type in ("test", "unit_test")
        layers["tests" if is_test else _layer(node)] += result.execution_time
        if status in ("error", "fail", "runtime error"):
            message = shorten(result.message or status) + _first_rows(node.name, failing)
            failures.append(NodeFailure(str(node.resource_type), node.name, message))
        elif status in ("pass", "success"):
            counts["tests" if is_test else "models" if node.resource_type == "model" else "others"] += 1
        else:
            counts[status] += 1
    return BuildReport(
        seconds=seconds,
        models_passed=counts["models"],
        tests_passed=counts["tests"],
        warned=counts["warn"],
        skipped=counts["skipped"],
        failures=tuple(failures),
        layer_seconds=dict(layers),
        warnings=tuple(row for row in failing if row.status == "warn"),
    )


def _first_rows(test: str, failing: Sequence[FailingRow]) -> str:
    """The first rows that failed a test, to go after its message."""
    rows = [str(row) for row in failing if row.test == test]
    more = "; ..." if len(rows) > SHOWN_ROWS else ""
    return f". {'; '.join(rows[:SHOWN_ROWS])}{more}" if rows else ""


def _layer(node: Any) -> str:
    """The folder under models/ that is the node's dataset; what is no model counts by its kind."""
    is_model = node.resource_type == "model" and len(node.fqn) > 1
    return str(node.fqn[1] if is_model else node.resource_type)


def _failure_text(report: BuildReport) -> str:
    count = len(report.failures)
    skipped = f", {report.skipped} that depend on it skipped" if report.skipped else ""
    lines = [f"dbt: {count} node{'s' if count > 1 else ''} failed{skipped}"]
    lines += [f"  {failure}" for failure in report.failures[:SHOWN_FAILURES]]
    if count > SHOWN_FAILURES:
        lines.append(f"  and {count - SHOWN_FAILURES} more")
    return "\n".join([*lines, "Fix the cause and run again; models that were already built are kept."])


@contextmanager
def _environment(settings: Settings, vault_dir: Path, raw_prefix: str | None = None) -> Iterator[None]:
    """Let dbt read these settings, and nothing else, from the environment."""
    if not (vault_dir / "dbt_packages").is_dir() and (vault_dir / "packages.yml").exists():
        raise PermanentError(f"the dbt packages are not installed in {vault_dir}. Run `wwi deps`.")
    keep_private(settings.home)
    refuse_offline(settings, vault_dir)
    with dbt_variables(dbt_environment(settings, raw_prefix)), plain_messages():
        yield


def dbt_environment(settings: Settings, raw_prefix: str | None = None) -> dict[str, str]:
    """Return the variables that vault/profiles.yml and dbt read, for these settings.

    `raw_prefix`: see `build`.
    """
    return (
        connection_variables(settings)
        | no_proxy(os.environ)
        | {
            RAW_PREFIX: raw_prefix or settings.dataset_prefix,
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_LOG_PATH": str(settings.home / "dbt" / "logs"),
            "DBT_TARGET_PATH": str(settings.home / (REBUILD_TARGET if raw_prefix else TARGET)),
        }
    )


def _invoke(arguments: list[str], settings: Settings, vault_dir: Path) -> Sequence[Any]:
    """Run dbt in this process and return its node results."""
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 - three seconds

    folders = ["--project-dir", str(vault_dir), "--profiles-dir", str(vault_dir)]
    with _seldom_collecting():
        outcome = dbtRunner(callbacks=[_log_node]).invoke(["--log-level", "none", *arguments, *folders])
    raise_if_stopped(outcome)
    if outcome.exception is not None:
        error = selection_error(str(outcome.exception), settings.home / TARGET / MANIFEST)
        raise error or start_error(outcome.exception) from outcome.exception
    return node_results(outcome)


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Have Python look for garbage less often: dbt keeps nearly all it makes, and a look goes through it."""
    before = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def raise_if_stopped(outcome: Any) -> None:
    """Let Ctrl-C through: dbt hands it back as one more way in which it could not run.

    Pressed while dbt reads the project, it may be the context of an error about a field of some model.
    """
    error = outcome.exception
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    if error is not None:
        raise error


def node_results(outcome: Any) -> Sequence[Any]:
    """Return the results of the nodes that dbt ran; none when it ran none."""
    results: Sequence[Any] = getattr(outcome.result, "results", None) or ()
    return results


def start_error(error: BaseException) -> PermanentError | TransientError:
    """Name why dbt did not get as far as running nodes: a broken project, or no warehouse."""
    text = str(error).partition("Failed to invoke dbt command ")[2].partition("':")[2] or str(error)
    if LOST_CONNECTION.search(text):
        return TransientError(
            "dbt lost its connection to the warehouse. Check it with `wwi warehouse up`, or the network when "
            "the target is bigquery; then run again."
        )
    return PermanentError(f"dbt could not run: {shorten(text)}")


def _log_node(event: Any) -> None:
    if event.info.name == "NodeFinished":
        node = event.data.node_info
        nodes_logger.info("%s", node.node_name)
