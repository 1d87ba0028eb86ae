"""How long dbt waits for a warehouse that does not answer.

The BigQuery client that dbt uses repeats every call for ten minutes, and dbt makes hundreds of calls, so
a warehouse that is gone would hold a run for hours. Here all calls together wait once; when that was in
vain, each later call fails at its first error, and the run ends with an error that is worth a retry.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests
from google.cloud.bigquery.retry import DEFAULT_RETRY

PATIENCE_S = 20.0


@contextmanager
def patience(seconds: float = PATIENCE_S) -> Iterator[None]:
    """Within the block, let no outage of the warehouse hold up the client for more than `seconds`."""
    usual = DEFAULT_RETRY._predicate
    # every call of the client has this very object as its default, so it is the object that must change
    DEFAULT_RETRY._predicate = Outage(usual, seconds, time.monotonic).is_worth_a_retry
    try:
        yield
    finally:
        DEFAULT_RETRY._predicate = usual


class Outage:
    """Remembers since when calls fail because nobody answers.

    `usual` tells what may be retried at all, `clock` gives seconds. Errors further apart than twice the
    patience belong to different outages.
    """

    def __init__(
        self, usual: Callable[[Exception], bool], seconds: float, clock: Callable[[], float]
    ) -> None:
        self._usual, self._seconds, self._clock = usual, seconds, clock
        self._began = self._last = float("-inf")

    def is_worth_a_retry(self, error: Exception) -> bool:
        """Tell whether the call that failed so may be repeated."""
        if not isinstance(error, requests.ConnectionError | ConnectionError):
            return self._usual(error)
        now = self._clock()
        if now - self._last > 2 * self._seconds:
            self._began = now
        self._last = now
        return now - self._began < self._seconds
