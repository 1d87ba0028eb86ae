"""A small shop for tests: each test has its own Postgres database, datasets and home."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from google.cloud.bigquery import Client

from config.settings import Settings
from ingestion.batch import run_batch
from ingestion.report import BatchReport
from metadata.spec import Catalog, Column, Table
from sandbox import postgres as local_postgres
from tests import temporary_datasets
from warehouse.client import connect
from warehouse.queries import query

_numbers = itertools.count(1)

Row = dict[str, Any]


@dataclass(frozen=True)
class World:
    """A source, a warehouse and their metadata."""

    settings: Settings
    catalog: Catalog
    source: psycopg.Connection
    client: Client

    def load(self, **options: Any) -> BatchReport:
        """Run one batch."""
        return run_batch(self.settings, self.catalog, **options)

    def ask(self, sql: str) -> list[Row]:
        """Query the warehouse; {raw} and {audit} are replaced by the datasets."""
        names = {layer: self.settings.dataset(layer) for layer in ("raw", "audit")}
        return query(self.client, sql.format(**names))

    def raw(self, table: str) -> list[Row]:
        """Return all rows of a raw table in load order."""
        return self.ask(f"select * from {{raw}}.{table.replace('.', '__')} order by load_dts, 1")

    def latest(self, table: str) -> list[Row]:
        """Return the current rows of the table from completed batches, without system columns, by key."""
        key = ", ".join(self.catalog.table(table).primary_key)
        rows = self.ask(
            f"""
            with visible as (
                select * from {{raw}}.{table.replace(".", "__")}
                where batch_id in (select batch_id from {{audit}}.batches where status = 'completed')
            )
            select * from visible where true
            qualify row_number() over (partition by {key} order by load_dts desc) = 1
            order by {key}
            """
        )
        system_columns = {"batch_id", "load_dts", "record_source", "change_type"}
        return [
            {name: value for name, value in row.items() if name not in system_columns}
            for row in rows
            if row["change_type"] == "upsert"
        ]

    def statuses(self) -> list[str]:
        """Return the status of every batch, in order."""
        return [row["status"] for row in self.ask("select status from {audit}.batches order by batch_id")]


def table(name: str, columns: dict[str, str], **more: Any) -> Table:
    """Return a table of the shop. `columns`: name -> Postgres type; the first is the key."""
    return Table(
        schema_name="shop",
        name=name,
        description="A table of the tests.",
        columns=tuple(
            Column(name=column, type=kind, description="A column of the tests.", **more.get(column, {}))
            for column, kind in columns.items()
        ),
        primary_key=more.get("primary_key", (next(iter(columns)),)),
        computed_controls=more.get("controls", {}),
        optional=more.get("optional", False),
    )


SHOP = Catalog(
    tables=(
        table(
            "accounts",
            {"account_id": "integer", "owner": "varchar(50)", "balance": "numeric(18,2)", "pin": "text"},
            owner={"sensitivity": "personal", "nullable": True},
            pin={"sensitivity": "secret"},
            balance={"measure": True},
            controls={"doubled": "balance * 2"},
        ),
        table("visits", {"visit_id": "bigint", "account_id": "integer", "at": "timestamp"}),
    ),
    hubs=(),
)


def create(connection: psycopg.Connection, tables: tuple[Table, ...]) -> None:
    """Create these tables, with their primary keys, in the schema `shop`."""
    connection.execute("create schema if not exists shop")
    for item in tables:
        columns = ", ".join(f"{column.name} {column.type}" for column in item.columns)
        key = ", ".join(item.primary_key)
        connection.execute(f"create table {item.qualified} ({columns}, primary key ({key}))".encode())


@pytest.fixture
def database(services: Settings) -> Iterator[str]:
    """Return the admin DSN of an empty database for one test."""
    server = local_postgres.up(services)["admin_dsn"].rsplit("/", 1)[0]
    name = f"test_{next(_numbers)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True, connect_timeout=10) as admin:
        admin.execute(f"create database {name}".encode())
        yield f"{server}/{name}"
        admin.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
def own_settings(services: Settings, database: str, tmp_path: Path) -> Iterator[Settings]:
    """Return settings with a separate home, database and datasets for one test."""
    (tmp_path / "services").symlink_to(services.home / "services", target_is_directory=True)
    prefix = temporary_datasets.new_prefix(services, "t")
    own = services.model_copy(update={"home": tmp_path, "source_dsn": database, "dataset_prefix": prefix})
    with temporary_datasets.datasets(own, ("_raw", "_audit")):
        yield own


@pytest.fixture
def shop(own_settings: Settings, database: str) -> Iterator[World]:
    """Return a shop with three accounts and two visits; nothing is loaded yet."""
    with psycopg.connect(database, autocommit=True, connect_timeout=10) as source:
        create(source, SHOP.tables)
        source.execute(
            "insert into shop.accounts values "
            "(1, 'Ann', 10.50, '1111'), (2, null, 0, '2222'), (3, '', -1, '3333')"
        )
        source.execute(
            "insert into shop.visits values (7, 1, '2013-01-01 07:00'), (8, 2, '2013-01-01 08:00')"
        )
        yield World(own_settings, SHOP, source, connect(own_settings))
