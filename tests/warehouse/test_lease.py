"""Test the lease of the warehouse: concurrent requests, refusal, takeover and loss."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest
from google.cloud.bigquery import Client

from config.errors import PermanentError
from config.processes import has_ended, is_running, running_process, this_process
from config.settings import Settings
from ingestion.report import Progress
from tests.shop import World
from warehouse.client import connect
from warehouse.lease import LeaseLostError, hold, interrupter
from warehouse.lease_holder import active_holder, current
from warehouse.ledger.tables import table_name
from warehouse.queries import execute

pytestmark = pytest.mark.services

HOLD = """
import sys
from warehouse.client import connect
from warehouse.lease import hold
from config.settings import Settings
settings = Settings.model_validate_json(sys.argv[1])
with hold(connect(settings), settings, "build"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def client(own_settings: Settings) -> Client:
    return connect(own_settings)


@pytest.fixture
def other(own_settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """Start a process that holds the lease for a build until its stdin is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, own_settings.model_dump_json()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.stdin.close()
    process.wait(30)


def rewrite(client: Client, settings: Settings, changes: str) -> None:
    """Change the lease as another run or the passage of time would."""
    table = table_name(settings, "leases")
    assert execute(client, f"update {table} set {changes} where true") == 1


ANOTHER_MACHINE = "holder = 'theirs', host = 'elsewhere', machine = 'another boot', pid = 1, step = 'ingest'"
FOR_A_MINUTE = "expires_at = timestamp_add(current_timestamp(), interval 60 second)"


def test_a_second_process_is_refused_with_the_holder_of_the_lease(
    own_settings: Settings, client: Client, other: subprocess.Popen[str]
) -> None:
    with (
        pytest.raises(PermanentError, match=rf"build, process {other.pid} on .+ since 20.+expires at 20"),
        hold(client, own_settings, "ingest"),
    ):
        pytest.fail("two processes hold the lease")
    assert other.stdin
    other.stdin.close()
    assert other.wait(30) == 0
    with hold(client, own_settings, "ingest"):
        found = current(client, own_settings)
        assert found is not None
        assert (found.step, found.process.pid, found.is_live) == ("ingest", os.getpid(), True)


def test_a_batch_is_refused_while_another_process_builds_from_another_home(
    shop: World, other: subprocess.Popen[str]
) -> None:
    with pytest.raises(PermanentError, match=f"another run is at work: build, process {other.pid} on"):
        shop.load()
    assert other.stdin
    other.stdin.close()
    other.wait(30)
    assert shop.load().batch_id == 1


def test_one_of_many_concurrent_processes_gets_the_lease(own_settings: Settings) -> None:
    """The table does not exist yet, so they also compete to create it and its row."""
    clients = [connect(own_settings) for _ in range(8)]
    ready, done = threading.Barrier(len(clients)), threading.Barrier(len(clients))
    outcomes: list[str] = []

    def race(client: Client) -> None:
        ready.wait(30)
        try:
            with hold(client, own_settings, "build"):
                outcomes.append("won")
                done.wait(60)
        except PermanentError as error:
            outcomes.append("refused" if "another run is at work: build" in str(error) else str(error))
            done.wait(60)

    threads = [threading.Thread(target=race, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert sorted(outcomes) == ["refused"] * (len(clients) - 1) + ["won"]


def test_the_lease_of_a_killed_process_is_taken_over_at_once(
    own_settings: Settings, client: Client, other: subprocess.Popen[str]
) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait(30)
    with hold(client, own_settings, "ingest"):
        found = current(client, own_settings)
        assert found is not None
        assert found.process.pid == os.getpid()


def test_one_of_two_processes_takes_over_from_a_killed_one(
    own_settings: Settings, other: subprocess.Popen[str]
) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait(30)
    test_one_of_many_concurrent_processes_gets_the_lease(own_settings)


def test_a_lease_from_another_machine_is_respected_until_it_expires(
    own_settings: Settings, client: Client
) -> None:
    with hold(client, own_settings, "build"):
        pass
    rewrite(client, own_settings, f"{ANOTHER_MACHINE}, {FOR_A_MINUTE}")
    with (
        pytest.raises(PermanentError, match="another run is at work: ingest, process 1 on elsewhere"),
        hold(client, own_settings, "build"),
    ):
        pytest.fail("two processes hold the lease")
    rewrite(client, own_settings, "expires_at = current_timestamp()")
    with hold(client, own_settings, "build"):
        found = current(client, own_settings)
        assert found is not None
        assert found.step == "build"


def test_a_process_can_retake_its_own_unreleased_lease(own_settings: Settings, client: Client) -> None:
    """A step that lost its connection must not be refused because of its own first attempt."""
    with hold(client, own_settings, "build"):
        found = current(client, own_settings)
    rewrite(client, own_settings, f"holder = 'of a step that lost the warehouse', {FOR_A_MINUTE}")
    with hold(client, own_settings, "build"):
        again = current(client, own_settings)
    assert found is not None
    assert again is not None
    assert found.process == again.process


def test_the_lease_is_released_after_an_error_and_ctrl_c(own_settings: Settings, client: Client) -> None:
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), hold(client, own_settings, "build"):
            raise error
        found = current(client, own_settings)
        assert found is not None
        assert (found.holder, found.is_live) == ("", False)


def test_the_lease_is_renewed_before_it_expires(own_settings: Settings, client: Client) -> None:
    settings = own_settings.model_copy(update={"lease_s": 3})
    with hold(client, settings, "build") as lease:
        first = current(client, settings)
        time.sleep(4)
        second = current(client, settings)
        assert first is not None
        assert second is not None
        assert second.is_live
        assert second.expires_at > first.expires_at
        assert (second.holder, second.acquired_at) == (first.holder, first.acquired_at)
        lease.confirm()


def test_a_step_whose_lease_was_taken_over_is_interrupted(own_settings: Settings, client: Client) -> None:
    settings = own_settings.model_copy(update={"lease_s": 3})

    def step() -> None:
        with hold(client, settings, "build", on_lost=interrupter()):
            rewrite(client, settings, f"{ANOTHER_MACHINE}, {FOR_A_MINUTE}")
            threading.Event().wait(60)

    # SIGINT is ignored, as in a background job of a script
    on_ctrl_c = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(LeaseLostError, match="build: the lease of the warehouse is lost"):
            step()
    finally:
        signal.signal(signal.SIGINT, on_ctrl_c)
    found = current(client, settings)
    assert found is not None
    assert found.holder == "theirs", "a lost lease must not be released"


def test_a_lease_that_cannot_be_renewed_is_lost_when_it_expires(
    own_settings: Settings, client: Client
) -> None:
    settings = own_settings.model_copy(update={"lease_s": 3})
    lost = threading.Event()
    with hold(client, settings, "build", on_lost=lost.set) as lease:
        client._connection.API_BASE_URL = "http://127.0.0.1:9"
        assert lost.wait(30)
        with pytest.raises(LeaseLostError):
            lease.check()
    client._connection.API_BASE_URL = own_settings.resolve_warehouse_url()


@pytest.mark.parametrize("stage", ["opened", "loading"])
def test_a_batch_whose_lease_was_taken_over_is_not_completed(shop: World, stage: str) -> None:
    shop.load()
    shop.source.execute("update shop.accounts set owner = 'Cid' where account_id = 3")

    def take_over(progress: Progress) -> None:
        if progress.stage == stage:
            rewrite(shop.client, shop.settings, f"{ANOTHER_MACHINE}, {FOR_A_MINUTE}")

    with pytest.raises(LeaseLostError, match="ingest: the lease of the warehouse is lost"):
        shop.load(on_progress=take_over)
    assert "completed" not in shop.statuses()[1:]
    rewrite(shop.client, shop.settings, "expires_at = current_timestamp()")
    report = shop.load()
    assert report.resumed == (2,)
    assert [row["owner"] for row in shop.latest("shop.accounts")] == ["Ann", None, "Cid"]


def test_a_clock_step_does_not_end_a_lease(
    own_settings: Settings,
    client: Client,
    other: subprocess.Popen[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """psutil computes start times from the current boot time, so they change with the clock."""
    started_at = psutil.Process.create_time
    for step_s in (-3600, -5, 5, 3600):
        monkeypatch.setattr(psutil.Process, "create_time", lambda self, s=step_s: started_at(self) + s)
        with (
            pytest.raises(PermanentError, match=f"another run is at work: build, process {other.pid}"),
            hold(client, own_settings, "ingest"),
        ):
            pytest.fail("two processes hold the lease")


def test_a_lease_of_an_earlier_version_is_taken_over_only_if_its_pid_is_free(
    own_settings: Settings, client: Client, other: subprocess.Popen[str]
) -> None:
    rewrite(client, own_settings, "start_ticks = null, started_at = started_at - 3600")
    with (
        pytest.raises(PermanentError, match="another run is at work"),
        hold(client, own_settings, "ingest"),
    ):
        pytest.fail("two processes hold the lease")
    other.kill()
    other.wait(30)
    with hold(client, own_settings, "ingest"):
        found = current(client, own_settings)
        assert found is not None
        assert found.process == this_process()


def test_a_lease_table_of_an_earlier_version_gets_the_new_column(
    own_settings: Settings, client: Client
) -> None:
    with hold(client, own_settings, "build"):
        pass
    table = table_name(own_settings, "leases")
    execute(client, f"create or replace table {table} as select * except (start_ticks) from {table}")
    assert active_holder(client, own_settings) is None
    with hold(client, own_settings, "ingest"):
        found = current(client, own_settings)
        assert found is not None
        assert found.process == this_process()


def test_the_state_of_a_process_on_another_machine_is_unknown() -> None:
    here = this_process()
    assert here.start_ticks is not None
    gone = replace(here, pid=2**22 + 1)
    assert has_ended(gone)
    assert has_ended(replace(here, start_ticks=here.start_ticks - 1)), "its pid was reused"
    assert not has_ended(here)
    assert not has_ended(replace(here, started_at=0.0)), "the clock was changed"
    assert not has_ended(replace(here, start_ticks=None)), "recorded by an earlier version"
    assert not has_ended(replace(gone, host="elsewhere"))
    assert not has_ended(replace(gone, machine="another boot"))
    assert not has_ended(replace(gone, machine=""))
    assert json.dumps(here.started_at) == repr(here.started_at)


def test_the_start_time_of_a_process_with_an_odd_name_is_found() -> None:
    """The kernel writes the name in parentheses before the numbers, with any characters."""
    rename = "import ctypes; ctypes.CDLL(None).prctl(15, b') 1 (2 3)'); print('named', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", rename], stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "named\n"
        found, here = running_process(process.pid), this_process()
        assert is_running(found)
        assert found.start_ticks is not None
        assert here.start_ticks is not None
        assert found.start_ticks >= here.start_ticks
        process.kill()
        process.wait(30)
    assert not is_running(found)
    assert has_ended(found)
