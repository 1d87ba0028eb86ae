"""A scheduled run waits for the lease, and after a timeout its error names the holder."""

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

OTHER_HOLDER = """
update {table} set host = 'elsewhere', machine = 'another boot', pid = 1 where true
"""


def test_a_free_lease_needs_no_wait(settings: Settings) -> None:
    wait_for_lease(settings, max_wait_s=0)
    with hold(connect(settings), settings, "ingest"):
        pass
    wait_for_lease(settings, max_wait_s=0)


def test_waits_until_the_other_run_releases_the_lease(settings: Settings) -> None:
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
    wait_for_lease(settings, max_wait_s=60, poll_s=0.1)
    assert ended.is_set()
    other.join(30)


def test_the_error_after_the_timeout_names_the_holder(settings: Settings) -> None:
    client = connect(settings)
    with hold(client, settings, "build"):
        execute(client, OTHER_HOLDER.format(table=table_name(settings, "leases")))
        with pytest.raises(
            PermanentError, match=r"another run is at work: build, process 1 on elsewhere"
        ) as error:
            wait_for_lease(settings, max_wait_s=0.3, poll_s=0.1)
    assert "No data is lost" in str(error.value)
