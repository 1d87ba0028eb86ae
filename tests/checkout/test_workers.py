"""How the tests are shared out: what is named is there, and two workers do not meet at a port."""

from itertools import chain
from pathlib import Path

from config.local_services import free_port
from tests.workers import LONG, TOGETHER, USUAL_PORTS, usual_ports_taken


def test_what_is_named_to_go_first_or_to_stay_whole_is_there(project_root: Path) -> None:
    named = (*LONG, *chain.from_iterable(TOGETHER))
    assert [name for name in named if not (project_root / name).exists()] == []


def test_services_started_by_workers_keep_off_the_usual_ports() -> None:
    with usual_ports_taken():
        assert not {free_port(port) for port in USUAL_PORTS} & set(USUAL_PORTS)
