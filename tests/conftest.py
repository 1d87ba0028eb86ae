"""The real local services, started once for the whole run, and a private corner of each for every module."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from ingestion.settings import Settings
from metadata.load import load_catalog
from metadata.spec import Catalog
from sandbox import postgres, warehouse

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The project's own metadata."""
    return load_catalog()


@pytest.fixture(scope="session")
def services() -> Iterator[Settings]:
    """Settings of a home in which the local source and the local warehouse run.

    It is not under pytest's own folder: every start of pytest closes that to other users, and as root the
    server of a test run that is still going on is such a user and ends in a panic.
    """
    with TemporaryDirectory(prefix="wwi-tests-", ignore_cleanup_errors=True) as home:
        settings = Settings(home=Path(home), _env_file=None)
        try:
            postgres.up(settings)
            warehouse.up(settings)
            yield settings
        finally:
            warehouse.down(settings)
            postgres.down(settings)


@pytest.fixture(scope="module")
def source_dsn(services: Settings) -> Iterator[str]:
    """The admin DSN of an empty database that only this module uses."""
    server = postgres.up(services)["admin_dsn"].rsplit("/", 1)[0]
    name = f"module_{next(_numbers)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True, connect_timeout=10) as admin:
        admin.execute(f"create database {name}".encode())
    yield f"{server}/{name}"
    with psycopg.connect(f"{server}/postgres", autocommit=True, connect_timeout=10) as admin:
        admin.execute(f"drop database {name} with (force)".encode())


@pytest.fixture(scope="module")
def settings(services: Settings, source_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a platform that only this module uses: own source, datasets and state, shared services."""
    home = tmp_path_factory.mktemp("module_home")
    shared = services.home / "services"
    (home / "services").symlink_to(shared, target_is_directory=True)
    return Settings(home=home, source_dsn=source_dsn, dataset_prefix=f"m{next(_numbers)}", _env_file=None)


@pytest.fixture
def project_root() -> Path:
    """The folder of the checkout."""
    return Path(__file__).parent.parent
