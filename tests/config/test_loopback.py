"""Proxy and libpq variables do not affect the local services."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psycopg
import pytest

from config import loopback
from config.errors import PermanentError, TransientError
from config.settings import Settings
from ingestion.source import postgres
from sandbox import postgres as local_source
from sandbox import simulation, warehouse
from warehouse.client import connect
from warehouse.queries import query

CLI = "from cli.process import main; main()"
CLOSED_PORT = "127.0.0.1:9"
PROXIES = {
    name: f"http://{CLOSED_PORT}"
    for kind in ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")
    for name in (kind, kind.upper())
}
LIBPQ = {
    "PGHOST": "192.0.2.1",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "9",
    "PGUSER": "somebody",
    "PGPASSWORD": "else",
    "PGDATABASE": "elsewhere",
    "PGPASSFILE": "/nowhere",
    "PGSERVICE": "unknown",
    "PGSERVICEFILE": "/nowhere",
    "PGSYSCONFDIR": "/nowhere",
    "PGSSLMODE": "verify-full",
    "PGSSLNEGOTIATION": "direct",
    "PGSSLROOTCERT": "/nowhere/root.crt",
    "PGSSLCERT": "/nowhere/client.crt",
    "PGSSLMINPROTOCOLVERSION": "nonsense",
    "PGGSSENCMODE": "require",
    "PGCHANNELBINDING": "require",
    "PGREQUIREAUTH": "none",
    "PGREQUIREPEER": "nobody",
    "PGTARGETSESSIONATTRS": "standby",
    "PGLOADBALANCEHOSTS": "nonsense",
    "PGOPTIONS": "-c search_path=nowhere -c wwi.reached=yes -c nonsense=1",
    "PGAPPNAME": "not ours",
    "PGCLIENTENCODING": "LATIN1",
    "PGTZ": "Asia/Tokyo",
    "PGDATESTYLE": "German",
    "PGCONNECT_TIMEOUT": "1",
    "PGDATA": "/nowhere",
}


@pytest.fixture
def own_settings(tmp_path: Path) -> Settings:
    """Settings of an empty home without services."""
    return Settings(home=tmp_path, _env_file=None)


def set_variables(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_loopback_hosts_are_added_to_no_proxy() -> None:
    ours = "127.0.0.1,localhost,::1"
    assert set(loopback.no_proxy({}).values()) == {ours}
    found = loopback.no_proxy({"NO_PROXY": "a.example, .b", "no_grpc_proxy": "c"})
    assert found == {
        "no_proxy": f"a.example,.b,{ours}",
        "NO_PROXY": f"a.example,.b,{ours}",
        "no_grpc_proxy": f"c,{ours}",
    }
    assert loopback.no_proxy({"no_proxy": "*"}) == {"no_proxy": "*", "NO_PROXY": "*", "no_grpc_proxy": "*"}
    assert loopback.no_proxy(loopback.no_proxy({})) == loopback.no_proxy({}), "it adds nothing twice"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:9050", True),
        ("http://localhost", True),
        ("http://[::1]:9050/x", True),
        ("http://127.9.9.9", True),
        ("http://emulator:9050", False),
        ("http://localhost.example.com", False),
        ("http://10.0.0.1", False),
    ],
)
def test_loopback_urls_are_recognised(url: str, expected: bool) -> None:
    assert loopback.is_loopback(url) is expected


def test_blocks_without_libpq_variables_may_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "elsewhere")
    first, second = loopback.without_libpq_variables(), loopback.without_libpq_variables()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert "PGHOST" not in os.environ
    second.__exit__(None, None, None)
    assert os.environ["PGHOST"] == "elsewhere"


@pytest.mark.services
@pytest.mark.local("it uses the local services")
def test_the_local_services_are_reached_in_any_environment(
    services: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    set_variables(monkeypatch, {**PROXIES, **LIBPQ, "NETRC": str(netrc), "REQUESTS_CA_BUNDLE": "/nowhere"})
    source, address = local_source.up(services), warehouse.up(services)
    assert local_source.answers(source["reader_dsn"])
    assert warehouse.answers(address["url"], address["project"])
    assert query(connect(services), "select 1 as one") == [{"one": 1}]
    with postgres.connect(services) as connection:
        row = connection.execute("select current_user, current_setting('wwi.reached', true)").fetchone()
        assert row == (local_source.READER, None)
    assert local_source.psql(services, ["-c", "select 1"]) == 0
    assert os.environ["PGHOST"] == LIBPQ["PGHOST"]


@pytest.mark.services
@pytest.mark.local("it starts a local source")
def test_the_local_source_starts_and_stops_in_any_environment(
    own_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_variables(monkeypatch, LIBPQ)
    try:
        assert local_source.answers(local_source.up(own_settings)["admin_dsn"])
        assert simulation.simulate(own_settings, days=1, scale=0.01).order_lines >= 0
    finally:
        assert local_source.down(own_settings)


@pytest.mark.services
def test_libpq_variables_apply_to_an_external_source(
    settings: Settings, source_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c wwi.reached=yes")
    with postgres.connect(settings) as connection:
        assert connection.execute("show wwi.reached").fetchone() == ("yes",)
    monkeypatch.setenv("PGSERVICE", "unknown")
    with pytest.raises((PermanentError, TransientError)):
        postgres.connect(settings)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(source_dsn)


@pytest.mark.proof
@pytest.mark.services
@pytest.mark.local("it uses the local services")
def test_the_command_line_and_its_prefect_server_use_no_proxy(services: Settings) -> None:
    flow = (
        "import os\n"
        "from flows.prefect_api import start_prefect_api\n"
        "from config.settings import Settings\n"
        "ready = start_prefect_api(Settings())\n"
        "from prefect import flow\n"
        "ready()\n"
        "print(flow(lambda: 42, name='proxied')())\n"
    )
    environment = {**os.environ, **PROXIES, **LIBPQ, "WWI_HOME": str(services.home)}
    for command in (["-c", flow], ["-c", CLI, "query", "select 42"]):
        done = subprocess.run(
            [sys.executable, *command],
            env=environment, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        assert "42" in done.stdout
