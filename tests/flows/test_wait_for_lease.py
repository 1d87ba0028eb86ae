"""A scheduled run waits for whoever writes to the warehouse, and says whom it waited for in vain."""

import threading
import time

import pytest

from config.errors import PermanentError
from config.settings import Settings
from flows.wait_for_lease import wait_for_lease
from warehouse.client import connect
from warehouse.lease import hold
from warehouse.ledger.tables import table_name
from warehouse.queries import execute

pytestmark = pytest.mark.services

THEIRS = """
update {table} set host = 'elsewhere', machine = 'another boot', pid = 1 where true
"""


def test_nothing_is_waited_for_before_the_first_load_and_while_nobody_writes(settings: Settings) -> None:
    wait_for_lease(settings, most_s=0)
    with hold(connect(settings), settings, "ingest"):
        pass
    wait_for_lease(settings, most_s=0)


def test_a_run_that_writes_is_waited_for(settings: Settings) -> None:
    client = connect(settings)
    ended = threading.Event()

    def other_run(begun: threading.Event) -> None:
        with hold(client, settings, "build"):
            begun.set()
            time.sleep(1)
            ended.set()

    begun = threading.Event()
    other = threading.Thread(target=other_run, args=[begun])
    other.start()
    assert begun.wait(30)
    wait_for_lease(settings, most_s=60, ask_again_s=0.1)
    assert ended.is_set()
    other.join(30)


def test_a_run_that_goes_on_is_named(settings: Settings) -> None:
    client = connect(settings)
    with hold(client, settings, "build"):
        execute(client, THEIRS.format(table=table_name(settings, "leases")))
        with pytest.raises(
            PermanentError, match=r"another run is at work: build, process 1 on elsewhere"
        ) as told:
            wait_for_lease(settings, most_s=0.3, ask_again_s=0.1)
    assert "Nothing is lost" in str(told.value)
