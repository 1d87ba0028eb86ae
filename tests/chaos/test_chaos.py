"""Test that injected failures change no table of raw, vault and marts."""

import os

import pytest

from tests.chaos.failures import FEW_FAILURES, MANY_FAILURES
from tests.chaos.scenario import Scenario, run_scenario

pytestmark = [pytest.mark.services, pytest.mark.local("it kills the warehouse")]

SEED = int(os.environ.get("WWI_CHAOS_SEED", "1"))


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_a_few_injected_failures_change_no_table() -> None:
    """Run a few days and a small part of the vault; part of `make proofs`."""
    outcome = run_scenario(
        Scenario(
            FEW_FAILURES, SEED, select=["+hub_customer", "+dim_payment_method"], build_every=3, first_days=1
        )
    )
    assert outcome.differences == [], f"seed {SEED}: {outcome.failures}"
    assert len(outcome.failures) == sum(map(len, FEW_FAILURES.values()))
    assert {name.partition(".")[0] for name in outcome.undisturbed} >= {"raw", "raw_vault", "marts"}


@pytest.mark.chaos
@pytest.mark.timeout(7200)
def test_50_injected_failures_change_no_table() -> None:
    """Run seven weeks and all models; run by `make chaos`."""
    outcome = run_scenario(Scenario(MANY_FAILURES, SEED, build_every=8, failures_per_build=2))
    assert outcome.differences == [], f"seed {SEED}: {outcome.failures}"
    assert len(outcome.failures) == sum(map(len, MANY_FAILURES.values())) == 50
