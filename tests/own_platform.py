"""A platform that some tests share: source, datasets and state of its own, on the services of the run."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from config.settings import Settings
from sandbox import postgres
from tests import throw_away

_numbers = itertools.count(1)


@contextmanager
def own_platform(services: Settings, home: Path) -> Iterator[Settings]:
    """Give the settings of a new one while the block runs; its source is an empty database, of the admin."""
    (home / "services").symlink_to(services.home / "services", target_is_directory=True)
    prefix = throw_away.new_prefix(services, "m")
    with _database(services) as dsn:
        own = services.model_copy(update={"home": home, "source_dsn": dsn, "dataset_prefix": prefix})
        with throw_away.datasets(own):
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
