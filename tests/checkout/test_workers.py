"""How the tests are shared out: what is named is there, and two workers do not meet at a port."""

from itertools import chain
from pathlib import Path

from config.local_services import free_port
from tests.workers import LONG, TOGETHER, USUAL_PORTS, usual_ports_taken


def test_all_files_in_the_scheduling_lists_exist(project_root: Path) -> None:
    named = (*LONG, *chain.from_iterable(TOGETHER))
    assert [name for name in named if not (project_root / name).exists()] == []


def test_services_of_test_workers_do_not_use_the_default_ports() -> None:
    with usual_ports_taken():
        assert not {free_port(port) for port in USUAL_PORTS} & set(USUAL_PORTS)
