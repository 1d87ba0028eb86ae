"""Limit how long dbt retries while the warehouse does not answer.

dbt's BigQuery client retries every call for ten minutes, and dbt makes hundreds of calls, so an outage would
block a run for hours. Here all calls share one retry budget per outage. When it is used up, each later call
fails at its first error, and the run ends with a transient error.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests
from google.cloud.bigquery.retry import DEFAULT_RETRY

RETRY_BUDGET_S = 20.0


@contextmanager
def outage_retry_budget(seconds: float = RETRY_BUDGET_S) -> Iterator[None]:
    """Within the block, let the client retry for at most `seconds` during an outage of the warehouse."""
    original = DEFAULT_RETRY._predicate
    # all calls of the client share this object as their default, so the object itself is changed
    DEFAULT_RETRY._predicate = OutageRetryBudget(original, seconds, time.monotonic).should_retry
    try:
        yield
    finally:
        DEFAULT_RETRY._predicate = original


class OutageRetryBudget:
    """The retry budget of an outage, shared by all calls.

    `is_retryable`: the client's own predicate for other errors. `clock` returns seconds. Errors more than
    twice the budget apart belong to different outages.
    """

    def __init__(
        self, is_retryable: Callable[[Exception], bool], seconds: float, clock: Callable[[], float]
    ) -> None:
        self._is_retryable, self._seconds, self._clock = is_retryable, seconds, clock
        self._started = self._last = float("-inf")

    def should_retry(self, error: Exception) -> bool:
        """Return whether a call that failed with this error may be retried."""
        if not isinstance(error, requests.ConnectionError | ConnectionError):
            return self._is_retryable(error)
        now = self._clock()
        if now - self._last > 2 * self._seconds:
            self._started = now
        self._last = now
        return now - self._started < self._seconds
