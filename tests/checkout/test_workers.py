"""Test the distribution of tests over workers: listed files exist, and workers use different ports."""

from itertools import chain
from pathlib import Path

from config.local_services import free_port
from tests.workers import DEFAULT_PORTS, LONG, TOGETHER, occupy_default_ports


def test_all_files_in_the_scheduling_lists_exist(project_root: Path) -> None:
    named = (*LONG, *chain.from_iterable(TOGETHER))
    assert [name for name in named if not (project_root / name).exists()] == []


def test_services_of_test_workers_do_not_use_the_default_ports() -> None:
    with occupy_default_ports():
        assert not {free_port(port) for port in DEFAULT_PORTS} & set(DEFAULT_PORTS)
