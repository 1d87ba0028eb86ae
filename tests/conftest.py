"""Fixtures: services, started once for the whole run, and a database and datasets for every module.

The source is always the local Postgres. The warehouse is the local one, or with WWI_TARGET=bigquery a real
project, in which tests use temporary datasets (tests/temporary_datasets.py).
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
from tests import temporary_datasets, workers
from tests.marts.business import Business
from tests.own_platform import own_platform
from tests.shop import database, own_settings, shop  # noqa: F401 - fixtures
from warehouse.client import connect

GOOGLESQL = Path(__file__).parent / "googlesql"
REAL_PROJECT_TIMEOUT_S = 3600  # a fixture may run hundreds of statements of some seconds

_held = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """On a real project: set a dataset prefix, so that no test uses existing datasets by default."""
    for name in [name for name in os.environ if name.startswith(LIBPQ)]:
        del os.environ[name]  # they may refer to a developer's own Postgres; tests use the local one
    os.environ.update(no_proxy(os.environ))
    settings = Settings(_env_file=None)
    if settings.target == "bigquery":
        # many tests use small dbt projects with the packages of vault/offline
        os.environ["WWI_ALLOW_OFFLINE_PACKAGES"] = "true"
        os.environ["WWI_DATASET_PREFIX"] = temporary_datasets.new_prefix(settings, "unnamed")
    if config.getoption("numprocesses", None):
        _held.enter_context(workers.occupy_default_ports())


def pytest_unconfigure() -> None:
    """Release the ports that were reserved for the workers."""
    _held.close()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> workers.ByPlatform:
    """Distribute tests so that tests with the same loaded platform run in one worker."""
    config.option.loadscopereorder = False  # it would start files with many tests before slow files
    return workers.ByPlatform(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run long tests first. On a real project: skip tests of the local warehouse and extend timeouts."""
    workers.longest_first(items)
    for item in items:
        if item.path.is_relative_to(GOOGLESQL):  # the first test waits for two full builds
            item.add_marker(pytest.mark.timeout(1500))
    if Settings(_env_file=None).target == "local":
        return
    for item in items:
        local = item.get_closest_marker("local")
        if local is not None:
            item.add_marker(pytest.mark.skip(reason=f"local warehouse only: {local.args[0]}"))
        if item.path.is_relative_to(GOOGLESQL):
            item.add_marker(pytest.mark.skip(reason="needs no project: run it without WWI_TARGET"))
        item.add_marker(pytest.mark.timeout(REAL_PROJECT_TIMEOUT_S), append=False)


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """Return the metadata of the project."""
    return load_catalog()


@pytest.fixture(scope="session")
def services() -> Iterator[Settings]:
    """Start the local source and, without a real project, the local warehouse; return their settings.

    The home is not in pytest's temporary folder: each start of pytest makes that folder private, and as root
    the Postgres server of a test run in progress is another user and would crash.
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
            assert temporary_datasets.remaining(connect(settings)) == [], "run `python -m tests.cleanup`"


@pytest.fixture(scope="module")
def settings(services: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Return settings with a separate database, datasets and home for this module."""
    with own_platform(services, tmp_path_factory.mktemp("module_home")) as own:
        yield own


@pytest.fixture(scope="session")
def business(services: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Business]:
    """Return a simulated business after three loads; it uses the source as its owner, who may delete.

    Its tests run in one worker, in the order of `workers.TOGETHER`; later tests may change it.
    """
    with own_platform(services, tmp_path_factory.mktemp("business")) as own:
        found = Business(own)
        found.live()
        yield found


@pytest.fixture(scope="module")
def source_dsn(settings: Settings) -> str:
    """Return the admin DSN of an empty source database for this module."""
    assert settings.source_dsn
    return settings.source_dsn


@pytest.fixture
def running(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Set environment variables for the running services and for datasets of this test."""
    monkeypatch.setenv("WWI_HOME", str(settings.home))
    monkeypatch.setenv("WWI_SOURCE_DSN", settings.resolve_source_dsn())
    monkeypatch.setenv("WWI_DATASET_PREFIX", settings.dataset_prefix)
    return settings


@pytest.fixture
def project_root() -> Path:
    """Return the folder of the checkout."""
    return Path(__file__).parent.parent
