"""Whatever is killed, and whenever: raw, vault and marts end as if nothing had happened."""

import os

import pytest

from tests.chaos.accidents import FEW, MANY
from tests.chaos.story import Plot, tell

pytestmark = [pytest.mark.services, pytest.mark.local("it kills the warehouse")]

SEED = int(os.environ.get("WWI_CHAOS_SEED", "1"))


@pytest.mark.timeout(900)
def test_a_few_injected_failures_change_no_table() -> None:
    """A few days, and a small part of the vault: for every run of the tests."""
    lived = tell(
        Plot(FEW, SEED, select=["+hub_customer", "+dim_payment_method"], build_every=3, first_days=1)
    )
    assert lived.differences == [], f"seed {SEED}: {lived.hits}"
    assert len(lived.hits) == sum(map(len, FEW.values()))
    assert {name.partition(".")[0] for name in lived.peace} >= {"raw", "raw_vault", "marts"}


@pytest.mark.chaos
@pytest.mark.timeout(7200)
def test_fifty_accidents_leave_no_trace() -> None:
    """Seven weeks and everything: `make chaos`."""
    lived = tell(Plot(MANY, SEED, build_every=8, hits_a_build=2))
    assert lived.differences == [], f"seed {SEED}: {lived.hits}"
    assert len(lived.hits) == sum(map(len, MANY.values())) == 50
