"""Test that all calls share one retry budget per outage."""

import pytest
import requests
from google.cloud.bigquery.retry import DEFAULT_RETRY

from transform.outage_retry import OutageRetryBudget, outage_retry_budget

LOST = requests.ConnectionError("refused")


class Clock:
    """A clock that the test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock at 0."""
    return Clock()


@pytest.fixture
def outage(clock: Clock) -> OutageRetryBudget:
    """Return a budget of 20 s; of other errors only a ValueError is retried."""
    return OutageRetryBudget(lambda error: isinstance(error, ValueError), 20, clock)


def retried(outage: OutageRetryBudget, clock: Clock, *times: float) -> list[bool]:
    """Return for each time whether a call with a lost connection is retried."""
    results = []
    for clock.now in times:
        results.append(outage.should_retry(LOST))
    return results


def test_calls_are_retried_until_the_retry_budget_is_used_up(outage: OutageRetryBudget, clock: Clock) -> None:
    assert retried(outage, clock, 100, 110, 119, 120, 121) == [True, True, True, False, False]


def test_a_call_after_the_retry_budget_fails_at_once(outage: OutageRetryBudget, clock: Clock) -> None:
    retried(outage, clock, 100, 119, 125)
    assert retried(outage, clock, 140, 150) == [False, False]


def test_a_later_outage_has_its_own_retry_budget(outage: OutageRetryBudget, clock: Clock) -> None:
    retried(outage, clock, 100, 119, 125)
    assert retried(outage, clock, 300, 310, 321) == [True, True, False]


def test_other_errors_are_classified_as_usual(outage: OutageRetryBudget) -> None:
    assert outage.should_retry(ValueError())
    assert not outage.should_retry(KeyError())


def test_the_client_is_restored_afterwards() -> None:
    original = DEFAULT_RETRY._predicate
    inside = []

    def fail_within_budget() -> None:
        with outage_retry_budget():
            inside.append(DEFAULT_RETRY._predicate)
            raise KeyError

    with pytest.raises(KeyError):
        fail_within_budget()
    assert inside != [original]
    assert DEFAULT_RETRY._predicate is original
