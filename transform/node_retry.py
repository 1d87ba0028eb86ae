"""Retry a model or test that failed with a transient error, on its own, within the build.

Retrying the whole build would repeat hundreds of nodes, and the nodes that depend on the failed one would
have been skipped. Here dbt runs the node again before it reports the result, so dependent nodes wait and the
build continues normally.

Only an error that the engine returned is retried, because then the statement is not running any more. After
a lost connection the whole step is retried instead (flows/tasks.py). Other errors are never retried.
"""

import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

logger = logging.getLogger(__name__)

DELAYS_S = (5.0, 20.0)
# BigQuery's names: https://cloud.google.com/bigquery/docs/error-messages
TRANSIENT = re.compile(
    r"\b(job)?(backend|internal)error\b|(job)?ratelimitexceeded|exceeded rate limits"
    r"|could not serialize access|retrying the job may solve the problem",
    re.IGNORECASE,
)


@contextmanager
def node_retries(delays_s: Sequence[float] = DELAYS_S) -> Iterator[None]:
    """Within the block, let dbt retry a node after each of these delays when its error is transient."""
    from dbt.task.base import BaseRunner  # noqa: PLC0415 - dbt takes seconds to import

    original = BaseRunner.compile_and_execute

    def with_retries(runner: Any, manifest: Any, context: Any) -> Any:
        for delay in delays_s:
            try:
                return original(runner, manifest, context)
            except Exception as error:
                if not TRANSIENT.search(str(error)):
                    raise
                reason = " ".join(str(error).split())[:200]
                logger.warning("retrying %s in %.0f s: %s", runner.node.name, delay, reason)
            time.sleep(delay)
        return original(runner, manifest, context)

    BaseRunner.compile_and_execute = with_retries  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        BaseRunner.compile_and_execute = original  # type: ignore[method-assign]
