"""dbt inside a Prefect flow: every model is a task of its own, by prefect-dbt.

Tests are not: a task costs as much as the test itself, and there are hundreds. One that fails is named by the
run's error, and what came of each is in `build_nodes` of the ledger.

Importing this module imports dbt and Prefect, some seconds.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dbt.artifacts.resources.types import NodeType
from dbt_common.events.base_types import EventLevel
from prefect_dbt.core.runner import PrefectDbtRunner
from prefect_dbt.core.settings import PrefectDbtSettings

from config.settings import Settings
from transform import dbt
from transform.build_plan import build_arguments
from transform.build_report import BuildReport
from transform.dbt_invocation import (
    TARGET,
    VAULT_DIR,
    node_results,
    nodes_logger,
    raise_if_stopped,
    start_error,
)


def build(settings: Settings, *, whole: bool = False, vault_dir: Path = VAULT_DIR) -> BuildReport:
    """Build and test staging to marts inside a flow or task run. Returns and raises as `dbt.build`."""
    return dbt.run(build_arguments(), settings, vault_dir, _invoke, whole=whole)


def _invoke(arguments: list[str], settings: Settings, vault_dir: Path) -> Sequence[Any]:
    """Run dbt with a task per model and return its node results."""
    runner = _NodeRunner(
        settings=_OwnProfile(
            project_dir=vault_dir,
            profiles_dir=vault_dir,
            target_path=settings.home / TARGET,
            log_level=EventLevel.ERROR,
        ),
        raise_on_failure=False,
        disable_assets=True,
    )
    runner.post_model(lambda context: nodes_logger.info("%s", getattr(context.node, "name", "")))
    try:
        return node_results(runner.invoke(arguments))
    except ValueError as error:
        raise start_error(error) from error


class _OwnProfile(PrefectDbtSettings):  # type: ignore[misc]  # it ships no types
    """Reads profiles.yml as it is: from Prefect's own copy of it dbt would parse everything again."""

    @contextmanager
    def resolve_profiles_yml(self) -> Iterator[str]:
        yield str(self.profiles_dir)


class _NodeRunner(PrefectDbtRunner):  # type: ignore[misc]  # it ships no types
    """Prefect's runner, quicker for hundreds of nodes, and stopped by Ctrl-C."""

    def _call_task(self, task_state: Any, manifest_node: Any, context: dict[str, Any], *rest: Any) -> None:
        if manifest_node.resource_type == NodeType.Test:
            return
        # handed Prefect's settings, a task reads all of them again from environment and files, for a tenth of
        # a second; without them it takes those of the process, which are the same
        super()._call_task(task_state, manifest_node, {**context, "settings_context": {}}, *rest)

    @staticmethod
    def _extract_run_artifacts(res: Any) -> Any:
        # the one place that sees dbt's own exception before it becomes a text
        raise_if_stopped(res)
        return PrefectDbtRunner._extract_run_artifacts(res)
