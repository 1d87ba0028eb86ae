"""Whatever is killed, and whenever: raw, vault and marts end as if nothing had happened."""

import os

import pytest

from tests.chaos.content import differences
from tests.chaos.story import among_accidents, in_peace

pytestmark = [pytest.mark.services, pytest.mark.local("it kills the warehouse")]

SEED = int(os.environ.get("WWI_CHAOS_SEED", "1"))


@pytest.mark.timeout(900)
def test_a_few_accidents_leave_no_trace() -> None:
    """Two days, and a small part of the vault: for every run of the tests."""
    select = ["+hub_customer", "+dim_payment_method"]
    peace = in_peace(2, select)
    disturbed = among_accidents(2, select, peace, hits={"ingest": 2, "build": 1}, seed=SEED)
    assert differences(peace.tables, disturbed.tables) == [], f"seed {SEED}: {disturbed.hits}"
    assert len(disturbed.hits) == 6
    assert any(hit.exit_code for hit in disturbed.hits), "every run had ended before it was hit"
    assert {name.partition(".")[0] for name in peace.tables} >= {"raw", "raw_vault", "marts"}


@pytest.mark.chaos
@pytest.mark.timeout(7200)
def test_fifty_accidents_leave_no_trace() -> None:
    """Three days and everything: `make chaos`."""
    peace = in_peace(3, [])
    disturbed = among_accidents(3, [], peace, hits={"ingest": 11, "build": 6}, seed=SEED)
    for hit in disturbed.hits:
        print(hit)
    assert differences(peace.tables, disturbed.tables) == [], f"seed {SEED}: {disturbed.hits}"
    assert len(disturbed.hits) == 51
