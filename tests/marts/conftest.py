"""Fixtures of the tests of marts."""

import pytest

from audit.history.as_of import Models
from operations.mart_definitions import definitions
from tests.marts.business import Business


@pytest.fixture(scope="session")
def models(business: Business) -> Models:
    """The definitions of the marts, compiled by dbt for this platform."""
    return definitions(business.settings)
