"""Test the local services: start once, find again, detect dead processes, change ports."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from config import local_services
from config.local_services import ServiceError, address_file, free_port, listens, runs
from config.settings import Settings
from sandbox import postgres, warehouse
from warehouse.client import connect
from warehouse.queries import execute, query
from warehouse.tables import ensure_dataset


@pytest.fixture
def own_settings(tmp_path: Path) -> Settings:
    """Return settings of an empty home without services."""
    return Settings(home=tmp_path, _env_file=None)


def kill(address: local_services.Address) -> None:
    process = psutil.Process(address["pid"])
    children = process.children(recursive=True)
    os.kill(address["pid"], signal.SIGKILL)
    psutil.wait_procs([process, *children], timeout=10)


def test_free_port_returns_the_preferred_port_unless_it_is_in_use() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken = listener.getsockname()[1]
        assert free_port(taken) != taken
    assert free_port(taken) == taken


def test_an_address_is_discarded_if_its_process_ended(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    written = local_services.write_address(tmp_path, "source", child.pid, port=1)
    assert local_services.read_address(tmp_path, "source") == written
    child.kill()
    child.wait(10)
    assert local_services.read_address(tmp_path, "source") is None
    assert not address_file(tmp_path, "source").exists()


def change_address(home: Path, name: str, **changes: object) -> None:
    path = address_file(home, name)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_an_address_is_discarded_if_its_pid_belongs_to_another_program(tmp_path: Path) -> None:
    written = local_services.write_address(tmp_path, "source", os.getpid(), port=1)
    change_address(tmp_path, "source", start_ticks=written["start_ticks"] - 1)
    assert local_services.read_address(tmp_path, "source") is None
    local_services.write_address(tmp_path, "source", os.getpid(), port=1)
    change_address(tmp_path, "source", machine="another boot")
    assert local_services.read_address(tmp_path, "source") is None


@pytest.mark.parametrize("step_s", [-3600, -5, 5, 3600])
def test_a_clock_step_does_not_change_the_identity_of_a_process(
    tmp_path: Path, step_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """psutil computes start times from the current boot time, so a clock step changes all of them."""
    written = local_services.write_address(tmp_path, "source", os.getpid(), port=1)
    started_at = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: started_at(self) + step_s)
    assert local_services.read_address(tmp_path, "source") == written


def test_an_address_of_an_earlier_version_is_valid_while_its_process_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        path = address_file(tmp_path, "source")
        path.parent.mkdir()
        address = {"pid": os.getpid(), "started_at": 1.0, "port": listener.getsockname()[1]}
        path.write_text(json.dumps(address))
        assert local_services.read_address(tmp_path, "source") == address
    assert local_services.read_address(tmp_path, "source") is None


def test_an_incomplete_address_file_is_ignored(tmp_path: Path) -> None:
    path = address_file(tmp_path, "warehouse")
    path.parent.mkdir()
    path.write_text('{"pid": 12')
    assert local_services.read_address(tmp_path, "warehouse") is None


@pytest.mark.services
def test_the_source_starts_once_and_restarts_after_a_kill(own_settings: Settings) -> None:
    try:
        first = postgres.up(own_settings)
        assert postgres.up(own_settings) == first
        assert postgres.answers(first["admin_dsn"])
        assert postgres.answers(first["reader_dsn"])
        assert address_file(own_settings.home, "source").stat().st_mode & 0o077 == 0
        kill(first)
        second = postgres.up(own_settings)
        assert second["pid"] != first["pid"]
        assert postgres.answers(second["admin_dsn"])
    finally:
        assert postgres.down(own_settings)
    assert not postgres.down(own_settings)
    assert not postgres.answers(second["admin_dsn"])


@pytest.mark.services
@pytest.mark.local("it starts and kills one")
def test_the_warehouse_keeps_data_on_restart_and_deletes_it_on_reset(own_settings: Settings) -> None:
    try:
        first = warehouse.up(own_settings)
        client = connect(own_settings)
        ensure_dataset(client, own_settings, "raw", "kept over a restart")
        execute(client, "create table wwi_raw.kept as select 1 as one")
        kill(first)
        second = warehouse.up(own_settings)
        assert second["pid"] != first["pid"]
        client = connect(own_settings)
        assert query(client, "select one from wwi_raw.kept") == [{"one": 1}]
        warehouse.reset(own_settings)
        third = warehouse.up(own_settings)
        client = connect(own_settings)
        assert third["pid"] != second["pid"]
        assert list(client.list_datasets(timeout=10)) == []
    finally:
        warehouse.down(own_settings)


@pytest.mark.services
@pytest.mark.local("it starts one")
@pytest.mark.parametrize("service", [postgres, warehouse])
def test_a_service_uses_another_port_if_its_port_was_just_taken(
    service: ModuleType, services: Settings, own_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two services that start together find the same free port; each must recognize its own process."""
    name = service.NAME
    others = json.loads(address_file(services.home, name).read_text())
    seen = iter([others["port"]])
    monkeypatch.setattr(service, "free_port", lambda preferred: next(seen, None) or free_port(preferred))
    try:
        own = service.up(own_settings)
        assert own["port"] != others["port"]
        assert runs(own)
        assert listens(own["pid"], own["port"])
        assert not listens(own["pid"], others["port"])
    finally:
        service.down(own_settings)


@pytest.mark.services
@pytest.mark.local("it stops one for a while")
@pytest.mark.parametrize("service", [postgres, warehouse])
def test_a_service_that_does_not_answer_is_left_running(
    service: ModuleType, own_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_services, "ANSWER_TIMEOUT_S", 1)
    try:
        first = service.up(own_settings)
        os.kill(first["pid"], signal.SIGSTOP)
        with pytest.raises(ServiceError, match=rf"process {first['pid']} is running, .* It was not stopped"):
            service.up(own_settings)
        os.kill(first["pid"], signal.SIGCONT)
        assert service.up(own_settings) == first
    finally:
        service.down(own_settings)
