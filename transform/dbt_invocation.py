"""Call dbt in this process, with the project's settings and no other variables of the environment."""

import gc
import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

from config.child_environment import dbt_variables
from config.errors import PermanentError, TransientError
from config.loopback import no_proxy
from config.private_files import keep_private
from config.settings import PROJECT_ROOT, Settings
from metadata.naming import LOAD_PLAN, RAW_PREFIX
from transform.dbt_messages import plain_messages, shorten
from transform.packages import fail_on_offline_packages
from transform.selectors import selection_error
from warehouse.client import connection_variables

node_logger = logging.getLogger(f"{__name__}.nodes")


VAULT_DIR = PROJECT_ROOT / "vault"


TARGET = Path("dbt") / "target"


MANIFEST = "manifest.json"


# dbt's parse cache is valid for one prefix, so a rebuild has its own folder
REBUILD_TARGET = Path("dbt") / "rebuild"


GC_THRESHOLDS = (50_000, 20, 50)  # of the garbage collector; 700, 10 and 10 by default


LOST_CONNECTION = re.compile(
    r"connection (refused|reset|aborted|error)|max retries exceeded|remotedisconnected|remote end closed"
    r"|failed to establish|temporarily unavailable|service unavailable|bad gateway|\b50[234]\b"
    r"|exceeded rate limits|(job)?(backend|internal)error|could not serialize access",
    re.IGNORECASE,
)


Invoke = Callable[[list[str], Settings, Path, Any], Sequence[Any]]


@contextmanager
def settings_in_environment(
    settings: Settings, vault_dir: Path, raw_prefix: str | None = None
) -> Iterator[None]:
    """Within the block, set the environment variables of dbt to these settings."""
    if not (vault_dir / "dbt_packages").is_dir() and (vault_dir / "packages.yml").exists():
        raise PermanentError(f"the dbt packages are not installed in {vault_dir}. Run `wwi deps`.")
    keep_private(settings.home)
    fail_on_offline_packages(settings, vault_dir)
    with dbt_variables(dbt_environment(settings, raw_prefix)), plain_messages():
        yield


def dbt_environment(settings: Settings, raw_prefix: str | None = None) -> dict[str, str]:
    """Return the environment variables that vault/profiles.yml and dbt read. `raw_prefix`: see `build`."""
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


def run_dbt(arguments: list[str], settings: Settings, vault_dir: Path, manifest: Any = None) -> Sequence[Any]:
    """Run dbt in this process and return its node results. Without a manifest dbt parses the project."""
    return node_results(_invoke(arguments, settings, vault_dir, manifest))


def set_load_plan(plan: str) -> None:
    """Pass a load plan to dbt. Call it within `settings_in_environment`, which removes it again."""
    os.environ[LOAD_PLAN] = plan


def parse(settings: Settings, vault_dir: Path) -> Any:
    """Return dbt's Manifest of the project."""
    return _invoke(["parse"], settings, vault_dir).result


def selected_nodes(
    arguments: Sequence[str], settings: Settings, vault_dir: Path, manifest: Any
) -> frozenset[str] | None:
    """Return the ids of the models that a build with these arguments selects; None: all."""
    selection = _values(arguments, "--select"), _values(arguments, "--exclude")
    if not any(selection):
        return None
    outcome = _invoke(
        ["--quiet", "list", *selection[0], *selection[1], "--resource-type", "model", "--output", "json",
         "--output-keys", "unique_id"],
        settings, vault_dir, manifest,
    )  # fmt: skip
    return frozenset(json.loads(each)["unique_id"] for each in outcome.result or ())


def _values(arguments: Sequence[str], option: str) -> list[str]:
    """Return an option of dbt with its values."""
    if option not in arguments:
        return []
    start = list(arguments).index(option)
    values = takewhile(lambda each: not each.startswith("--"), arguments[start + 1 :])
    return [option, *values]


def _invoke(arguments: list[str], settings: Settings, vault_dir: Path, manifest: Any = None) -> Any:
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 - three seconds

    folders = ["--project-dir", str(vault_dir), "--profiles-dir", str(vault_dir)]
    runner = dbtRunner(manifest=manifest, callbacks=[_log_node])
    with _relaxed_garbage_collection():
        outcome = runner.invoke(["--log-level", "none", *arguments, *folders])
    raise_if_stopped(outcome)
    if outcome.exception is not None:
        error = selection_error(str(outcome.exception), settings.home / TARGET / MANIFEST)
        raise error or start_error(outcome.exception) from outcome.exception
    return outcome


@contextmanager
def _relaxed_garbage_collection() -> Iterator[None]:
    """Run the garbage collector less often: dbt keeps nearly all its objects, so collecting wastes time."""
    before = gc.get_threshold()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def raise_if_stopped(outcome: Any) -> None:
    """Raise KeyboardInterrupt if Ctrl-C was pressed: dbt returns it as an ordinary exception.

    If it was pressed while dbt parsed the project, it can be the context of another error.
    """
    error = outcome.exception
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    if error is not None:
        raise error


def node_results(outcome: Any) -> Sequence[Any]:
    """Return the results of the nodes that dbt ran."""
    results: Sequence[Any] = getattr(outcome.result, "results", None) or ()
    return results


def start_error(error: BaseException) -> PermanentError | TransientError:
    """Return the error for a dbt invocation that ran no nodes: a broken project, or a lost connection."""
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
        node_logger.info("%s", node.node_name)
