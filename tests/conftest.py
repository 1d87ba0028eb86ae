"""The real services, started once for the whole run, and a private corner of each for every module.

The source is always the local Postgres. The warehouse is the local one, or with WWI_TARGET=bigquery a real
project, in which everything that a test makes lies in throw-away datasets (tests/throw_away.py).
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from config.loopback import LIBPQ, no_proxy
from config.settings import Settings
from metadata.load import load_catalog
from metadata.spec import Catalog
from sandbox import postgres, warehouse
from tests import throw_away, workers
from tests.marts.business import Business
from tests.own_platform import own_platform
from tests.shop import database, own_settings, shop  # noqa: F401 - fixtures
from warehouse.client import connect

GOOGLESQL = Path(__file__).parent / "googlesql"
REAL_PROJECT_TIMEOUT_S = 3600  # a statement takes seconds there, and a module's fixture has hundreds of them

_held = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """On a real project: have no test end up in somebody's datasets because it named no prefix of its own."""
    for name in [name for name in os.environ if name.startswith(LIBPQ)]:
        del os.environ[name]  # they are for a developer's own Postgres; tests connect to the local one
    os.environ.update(no_proxy(os.environ))
    settings = Settings(_env_file=None)
    if settings.target == "bigquery":
        # many tests bring dbt projects of their own with the packages of vault/offline
        os.environ["WWI_ALLOW_OFFLINE_PACKAGES"] = "true"
        os.environ["WWI_DATASET_PREFIX"] = throw_away.new_prefix(settings, "unnamed")
    if config.getoption("numprocesses", None):
        _held.enter_context(workers.usual_ports_taken())


def pytest_unconfigure() -> None:
    """Give back what was held for the workers."""
    _held.close()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> workers.ByPlatform:
    """Share the tests out by the platform that they have loaded."""
    config.option.loadscopereorder = False  # it would put files of many tests before long ones
    return workers.ByPlatform(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first. On a real project: leave out what is about the local warehouse, be more patient."""
    workers.longest_first(items)
    for item in items:
        if item.path.is_relative_to(GOOGLESQL):  # the first test waits for two builds of everything
            item.add_marker(pytest.mark.timeout(1500))
    if Settings(_env_file=None).target == "local":
        return
    for item in items:
        local = item.get_closest_marker("local")
        if local is not None:
            item.add_marker(pytest.mark.skip(reason=f"local warehouse only: {local.args[0]}"))
        if item.path.is_relative_to(GOOGLESQL):
            item.add_marker(pytest.mark.skip(reason="it asks no project: run it without WWI_TARGET"))
        item.add_marker(pytest.mark.timeout(REAL_PROJECT_TIMEOUT_S), append=False)


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The project's own metadata."""
    return load_catalog()


@pytest.fixture(scope="session")
def services() -> Iterator[Settings]:
    """Settings of a home in which the local source runs, and the local warehouse unless there is a real one.

    It is not under pytest's own folder: every start of pytest closes that to other users, and as root the
    server of a test run that is still going on is such a user and ends in a panic.
    """
    with TemporaryDirectory(prefix="wwi-tests-", ignore_cleanup_errors=True) as home:
        settings = Settings(home=Path(home), _env_file=None)
        is_local = settings.target == "local"
        try:
            postgres.up(settings)
            if is_local:
                warehouse.up(settings)
            yield settings
        finally:
            warehouse.down(settings)
            postgres.down(settings)
        if not is_local:
            assert throw_away.left_behind(connect(settings)) == [], "run `python -m tests.cleanup`"


@pytest.fixture(scope="module")
def settings(services: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a platform that only this module uses: own source, datasets and state, shared services."""
    with own_platform(services, tmp_path_factory.mktemp("module_home")) as own:
        yield own


@pytest.fixture(scope="session")
def business(services: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Business]:
    """A business after three loads. The source is asked by its owner, who may also delete.

    Its tests run in one worker, in the order of `workers.TOGETHER`: the later ones may go on with it.
    """
    with own_platform(services, tmp_path_factory.mktemp("business")) as own:
        found = Business(own)
        found.live()
        yield found


@pytest.fixture(scope="module")
def source_dsn(settings: Settings) -> str:
    """The admin DSN of the module's source, a database that was empty."""
    assert settings.source_dsn
    return settings.source_dsn


@pytest.fixture
def running(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An environment that names running services, whose datasets are those of this test."""
    monkeypatch.setenv("WWI_HOME", str(settings.home))
    monkeypatch.setenv("WWI_SOURCE_DSN", settings.resolve_source_dsn())
    monkeypatch.setenv("WWI_DATASET_PREFIX", settings.dataset_prefix)
    return settings


@pytest.fixture
def project_root() -> Path:
    """The folder of the checkout."""
    return Path(__file__).parent.parent
