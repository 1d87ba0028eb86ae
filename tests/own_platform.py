"""Create a platform for a group of tests: a database, datasets and a home on the services of the run."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from config.settings import Settings
from sandbox import postgres
from tests import temporary_datasets

_numbers = itertools.count(1)


@contextmanager
def own_platform(services: Settings, home: Path) -> Iterator[Settings]:
    """Yield settings of a new platform; its source is an empty database, connected as admin."""
    (home / "services").symlink_to(services.home / "services", target_is_directory=True)
    prefix = temporary_datasets.new_prefix(services, "m")
    with _database(services) as dsn:
        own = services.model_copy(update={"home": home, "source_dsn": dsn, "dataset_prefix": prefix})
        with temporary_datasets.datasets(own):
            yield own


@contextmanager
def _database(services: Settings) -> Iterator[str]:
    server = postgres.up(services)["admin_dsn"].rsplit("/", 1)[0]
    name = f"module_{next(_numbers)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True, connect_timeout=10) as admin:
        admin.execute(f"create database {name}".encode())
    try:
        yield f"{server}/{name}"
    finally:
        with psycopg.connect(f"{server}/postgres", autocommit=True, connect_timeout=10) as admin:
            admin.execute(f"drop database {name} with (force)".encode())
