"""Run dbt inside a Prefect flow, with one task per model, using prefect-dbt.

Tests get no task: there are hundreds, and a task takes as long as the test itself. The run's error names
failed tests, and `build_nodes` in the ledger has the result of each.

Importing this module imports dbt and Prefect, which takes some seconds.
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
    node_logger,
    node_results,
    raise_if_stopped,
    start_error,
)


def build(settings: Settings, *, whole: bool = False, vault_dir: Path = VAULT_DIR) -> BuildReport:
    """Build and test staging to marts inside a flow or task run. Returns and raises like `dbt.build`."""
    return dbt.run(build_arguments(), settings, vault_dir, _invoke, full_selection=whole)


def _invoke(arguments: list[str], settings: Settings, vault_dir: Path, manifest: Any) -> Sequence[Any]:
    """Run dbt with one task per model and return its node results."""
    runner = _NodeRunner(
        manifest=manifest,
        settings=_OwnProfile(
            project_dir=vault_dir,
            profiles_dir=vault_dir,
            target_path=settings.home / TARGET,
            log_level=EventLevel.ERROR,
        ),
        raise_on_failure=False,
        disable_assets=True,
    )
    runner.post_model(lambda context: node_logger.info("%s", getattr(context.node, "name", "")))
    try:
        return node_results(runner.invoke(arguments))
    except ValueError as error:
        raise start_error(error) from error


class _OwnProfile(PrefectDbtSettings):  # type: ignore[misc]  # it ships no types
    """Uses profiles.yml directly: with Prefect's copy of it, dbt would parse the whole project again."""

    @contextmanager
    def resolve_profiles_yml(self) -> Iterator[str]:
        yield str(self.profiles_dir)


class _NodeRunner(PrefectDbtRunner):  # type: ignore[misc]  # it ships no types
    """Prefect's runner, faster for hundreds of nodes, and stopped by Ctrl-C."""

    def _call_task(self, task_state: Any, manifest_node: Any, context: dict[str, Any], *rest: Any) -> None:
        if manifest_node.resource_type == NodeType.Test:
            return
        # given Prefect's settings, each task reads environment and files again (0.1 s); without, it uses
        # those of the process, which are the same
        super()._call_task(task_state, manifest_node, {**context, "settings_context": {}}, *rest)

    @staticmethod
    def _extract_run_artifacts(res: Any) -> Any:
        # the only place that sees dbt's exception before Prefect converts it to text
        raise_if_stopped(res)
        return PrefectDbtRunner._extract_run_artifacts(res)
