"""A model or test that the warehouse could not run just then is run again, alone, within the build.

A second attempt of a whole build would ask hundreds of other nodes again, and everything that depends on the
failed one would have been left out of the first. Here dbt itself runs the node once more, before it reports
it: what depends on it waits, the build sees the same batches, and it ends as if nothing had happened.

Only what the engine answered counts, for then nothing of the statement is under way any more. A connection
that was lost tells nothing of the kind, and the next node would lose it too: after that the whole step is
tried again (flows/tasks.py). What is wrong with the statement or the data stays wrong and is never repeated.
"""

import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

logger = logging.getLogger(__name__)

DELAYS_S = (5.0, 20.0)
# as BigQuery calls them: https://cloud.google.com/bigquery/docs/error-messages
PASSING = re.compile(
    r"\b(job)?(backend|internal)error\b|(job)?ratelimitexceeded|exceeded rate limits"
    r"|could not serialize access|retrying the job may solve the problem",
    re.IGNORECASE,
)


@contextmanager
def node_retries(delays_s: Sequence[float] = DELAYS_S) -> Iterator[None]:
    """Within the block, let dbt run a node again after each of these delays when its failure may pass."""
    from dbt.task.base import BaseRunner  # noqa: PLC0415 - dbt takes seconds to import

    usual = BaseRunner.compile_and_execute

    def patiently(runner: Any, manifest: Any, context: Any) -> Any:
        for delay in delays_s:
            try:
                return usual(runner, manifest, context)
            except Exception as error:
                if not PASSING.search(str(error)):
                    raise
                reason = " ".join(str(error).split())[:200]
                logger.warning("running %s again in %.0f s: %s", runner.node.name, delay, reason)
            time.sleep(delay)
        return usual(runner, manifest, context)

    BaseRunner.compile_and_execute = patiently  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        BaseRunner.compile_and_execute = usual  # type: ignore[method-assign]
