"""What the tests of marts share."""

from collections.abc import Iterator

import pytest

from flows.definitions import definitions
from ingestion.settings import Settings
from questions.as_of import Models
from tests.marts.business import Business
from tests.own_platform import own_platform


@pytest.fixture(scope="session")
def business(services: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Business]:
    """A business after three loads. The source is asked by its owner, who may also delete."""
    with own_platform(services, tmp_path_factory.mktemp("marts")) as settings:
        found = Business(settings)
        found.live()
        yield found


@pytest.fixture(scope="session")
def models(business: Business) -> Models:
    """The definitions of the marts, as dbt compiles them for this platform."""
    return definitions(business.settings)
