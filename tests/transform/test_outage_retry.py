"""One outage is waited for once, by all calls together."""

import pytest
import requests
from google.cloud.bigquery.retry import DEFAULT_RETRY

from transform.outage_retry import OutageRetryBudget, outage_retry_budget

LOST = requests.ConnectionError("refused")


class Clock:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands at 0."""
    return Clock()


@pytest.fixture
def outage(clock: Clock) -> OutageRetryBudget:
    """Patience of 20 s; of other errors, only a ValueError is worth a retry."""
    return OutageRetryBudget(lambda error: isinstance(error, ValueError), 20, clock)


def retried(outage: OutageRetryBudget, clock: Clock, *times: float) -> list[bool]:
    """Tell for a lost connection at each time whether the call is repeated."""
    answers = []
    for clock.now in times:
        answers.append(outage.should_retry(LOST))
    return answers


def test_calls_are_repeated_until_the_patience_is_used_up(outage: OutageRetryBudget, clock: Clock) -> None:
    assert retried(outage, clock, 100, 110, 119, 120, 121) == [True, True, True, False, False]


def test_after_that_a_new_call_fails_at_once(outage: OutageRetryBudget, clock: Clock) -> None:
    retried(outage, clock, 100, 119, 125)
    assert retried(outage, clock, 140, 150) == [False, False]


def test_a_later_outage_is_waited_for_again(outage: OutageRetryBudget, clock: Clock) -> None:
    retried(outage, clock, 100, 119, 125)
    assert retried(outage, clock, 300, 310, 321) == [True, True, False]


def test_other_errors_are_judged_as_usual(outage: OutageRetryBudget) -> None:
    assert outage.should_retry(ValueError())
    assert not outage.should_retry(KeyError())


def test_the_client_is_as_before_afterwards() -> None:
    usual = DEFAULT_RETRY._predicate
    inside = []

    def fail_patiently() -> None:
        with outage_retry_budget():
            inside.append(DEFAULT_RETRY._predicate)
            raise KeyError

    with pytest.raises(KeyError):
        fail_patiently()
    assert inside != [usual]
    assert DEFAULT_RETRY._predicate is usual
