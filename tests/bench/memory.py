"""Measure the memory of `wwi ingest` for a table of 10 million rows: first load, changes and deletes."""

import tempfile
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from config.settings import Settings
from metadata.load import load_catalog
from sandbox import postgres, warehouse
from sandbox.reader import grant_reader
from sandbox.schema import create_schema
from tests.bench import child

ROWS = 10_000_000
NAME = "warehouse.vehicle_temperatures"
WWI = Path(".venv/bin/wwi")


def measure(console: Console) -> None:
    """Measure, and print a row for each batch."""
    with tempfile.TemporaryDirectory(prefix="wwi-bench-") as home:
        settings = Settings(home=Path(home), _env_file=None)
        try:
            dsn = postgres.up(settings)["admin_dsn"]
            warehouse.up(settings)
            _fill(dsn)
            table = Table("batch", "seconds", "peak MB")
            for what, change, options in (
                (f"first load of {ROWS:,} rows", "select 1", []),
                ("nothing changed", "select 1", []),
                ("a tenth updated, a tenth deleted", _CHANGE, []),
                ("full read, a tenth deleted", _DELETE, ["--full"]),
            ):
                with psycopg.connect(dsn, connect_timeout=10) as source:
                    source.execute(change.encode())
                env = {"WWI_TARGET": "local", "WWI_HOME": home}
                done = child.run([WWI, "ingest", "--table", NAME, *options], env)
                table.add_row(what, f"{done.seconds:.1f}", f"{done.peak_mb:.0f}")
        finally:
            warehouse.down(settings)
            postgres.down(settings)
    console.print(table)


def _fill(dsn: str) -> None:
    catalog = load_catalog()
    with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as source:
        create_schema(source, catalog)
        source.execute(
            f"""
            insert into {NAME} (
                vehicle_temperature_id, vehicle_registration, chiller_sensor_number, recorded_when,
                temperature, is_compressed
            )
            select
                i, 'WWI-' || i % 20 || '-A', i % 4, timestamp '2013-01-01' + i * interval '1 second',
                (i % 1000)::numeric / 100, false
            from generate_series(1, {ROWS}) as i
            """.encode()
        )
        source.execute(f"vacuum analyze {NAME}".encode())
    grant_reader(dsn, catalog)


_CHANGE = f"""
    delete from {NAME} where vehicle_temperature_id % 10 = 3;
    update {NAME} set temperature = temperature + 1 where vehicle_temperature_id % 10 = 7
"""
_DELETE = f"delete from {NAME} where vehicle_temperature_id % 10 = 4"
