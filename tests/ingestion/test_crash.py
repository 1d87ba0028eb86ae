"""A run that ends at any point loses nothing, duplicates nothing and shows no incomplete batch."""

import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from config.errors import PermanentError
from config.home_lock import run_lock
from ingestion.report import Progress
from ingestion.source import postgres
from ingestion.staged_files import FOLDER, state_folder
from tests.shop import World
from warehouse.load_jobs import find_load_job

pytestmark = pytest.mark.services

ACCOUNTS = [1, 3, 4]


class Killed(BaseException):
    """Simulates the end of the process."""


def kill_at(stage: str) -> Callable[[Progress], None]:
    def kill(progress: Progress) -> None:
        if progress.stage == stage:
            raise Killed

    return kill


def change(shop: World) -> None:
    shop.source.execute("insert into shop.accounts values (4, 'Dan', 4, 'x')")
    shop.source.execute("update shop.accounts set owner = 'Cid' where account_id = 3")
    shop.source.execute("delete from shop.accounts where account_id = 2")
    shop.source.execute("insert into shop.visits values (9, 4, '2013-01-02')")


def visible_changes(shop: World) -> int:
    return int(
        shop.ask(
            "select count(*) as n from {raw}.shop__accounts where batch_id > 1 and batch_id in "
            "(select batch_id from {audit}.batches where status = 'completed')"
        )[0]["n"]
    )


def connections(shop: World) -> int:
    query = (
        "select pid from pg_stat_activity "
        "where application_name = 'wwi-ingest' and datname = current_database()"
    )
    return shop.source.execute(query).rowcount


@pytest.mark.parametrize("stage", ["planned", "opened", "extracted", "staged"])
def test_a_batch_that_ends_before_it_loads_is_voided(shop: World, stage: str) -> None:
    shop.load()
    change(shop)
    with pytest.raises(Killed):
        shop.load(on_progress=kill_at(stage))
    assert visible_changes(shop) == 0
    report = shop.load()
    assert report.voided == (() if stage == "planned" else (2,))
    assert [row["account_id"] for row in shop.latest("shop.accounts")] == ACCOUNTS
    assert visible_changes(shop) == 3
    assert len(shop.latest("shop.visits")) == 3


@pytest.mark.parametrize("stage", ["loading", "loaded"])
def test_a_run_that_ends_while_it_loads_is_finished_by_the_next(shop: World, stage: str) -> None:
    shop.load()
    change(shop)
    with pytest.raises(Killed):
        shop.load(on_progress=kill_at(stage))
    assert visible_changes(shop) == 0
    report = shop.load()
    assert (report.resumed, report.voided, report.batch_id) == ((2,), (), 3)
    assert report.rows_loaded == 0, "the resumed batch loaded everything"
    assert [row["account_id"] for row in shop.latest("shop.accounts")] == ACCOUNTS
    assert visible_changes(shop) == 3
    assert shop.statuses() == ["completed"] * 3


@pytest.mark.local("only the emulator can lose a job after it has loaded the rows")
def test_rows_of_an_unknown_load_job_are_not_loaded_twice(shop: World) -> None:
    """The emulator writes the rows first and then the job; it can be killed in between."""
    shop.load()
    change(shop)
    with pytest.raises(Killed):
        shop.load(on_progress=kill_at("loaded"))
    manifest = json.loads(next(state_folder(shop.settings, FOLDER).rglob("manifest.json")).read_text())
    for staged in manifest["tables"]:
        raw_name = staged["table"].replace(".", "__")
        job_id = f"wwi_{shop.settings.dataset_prefix}_2_{raw_name}_{staged['sha256'][:12]}"
        if find_load_job(shop.client, shop.settings, job_id).state == "done":
            shop.client.delete_job_metadata(job_id, timeout=10)
        assert find_load_job(shop.client, shop.settings, job_id).state == "absent"
    assert shop.load().resumed == (2,)
    assert visible_changes(shop) == 3


@pytest.mark.parametrize("damage", ["lost", "damaged", "of another batch"])
def test_a_batch_with_incomplete_staged_files_is_voided(shop: World, damage: str) -> None:
    shop.load()
    change(shop)
    with pytest.raises(Killed):
        shop.load(on_progress=kill_at("loading"))
    manifest = next(state_folder(shop.settings, FOLDER).rglob("manifest.json"))
    if damage == "lost":
        manifest.unlink()
    elif damage == "damaged":
        (manifest.parent / "shop__accounts.parquet").write_bytes(b"PAR1")
    else:
        text = manifest.read_text()
        loaded_at = json.loads(text)["load_dts"]
        manifest.write_text(text.replace(loaded_at, "2001-01-01T00:00:00Z"))
    report = shop.load()
    assert (report.resumed, report.voided) == ((), (2,))
    assert [row["account_id"] for row in shop.latest("shop.accounts")] == ACCOUNTS
    error = shop.ask("select error from {audit}.batches where batch_id = 2")[0]["error"]
    assert "its staged files are not here or damaged" in error


def test_keys_survive_a_run_that_ends_right_after_it_completed(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.load()
    change(shop)

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("ingestion.changes.key_cache.store_keys", killed)
        with pytest.raises(Killed):
            shop.load()
    assert shop.statuses() == ["completed", "completed"]
    shop.source.execute("delete from shop.accounts where account_id = 4")
    with monkeypatch.context() as patch:
        patch.setattr("ingestion.changes.key_cache._rebuild", killed)
        assert shop.load().tables[0].rows_deleted == 1


def test_an_error_in_a_row_voids_the_batch_and_the_next_loads_everything(shop: World) -> None:
    shop.load()
    change(shop)
    shop.source.execute("insert into shop.visits values (10, 4, 'infinity')")
    strict = shop.settings.model_copy(update={"rejected_limit": 0})
    with pytest.raises(PermanentError, match=r"shop\.visits: values do not fit BigQuery in at"):
        replace(shop, settings=strict).load()
    assert shop.statuses() == ["completed", "void"]
    shop.source.execute("delete from shop.visits where visit_id = 10")
    shop.load()
    assert [row["account_id"] for row in shop.latest("shop.accounts")] == ACCOUNTS
    assert len(shop.latest("shop.visits")) == 3


def test_a_killed_process_leaves_no_lock(shop: World) -> None:
    """With a real SIGKILL during the load."""
    shop.load()
    change(shop)
    program = f"""
import os, signal
from ingestion.batch import run_batch
from config.settings import Settings
from tests.shop import SHOP

def kill(progress):
    if progress.stage == "loaded":
        os.kill(os.getpid(), signal.SIGKILL)

settings = Settings.model_validate_json({shop.settings.model_dump_json()!r})
run_batch(settings, SHOP, on_progress=kill)
"""
    ended = subprocess.run([sys.executable, "-c", program], timeout=120, capture_output=True, check=False)
    assert ended.returncode == -9, ended.stderr.decode()
    assert shop.load().resumed == (2,)
    assert [row["account_id"] for row in shop.latest("shop.accounts")] == ACCOUNTS


def test_ctrl_c_while_reading_leaves_no_thread_and_no_connection(shop: World) -> None:
    shop.source.execute("insert into shop.visits select i, 1, now() from generate_series(100, 200000) i")
    threads = threading.active_count()

    def interrupt(progress: Progress) -> None:
        if progress.stage == "extracted":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shop.load(on_progress=interrupt)
    assert threading.active_count() == threads
    deadline = time.monotonic() + 10  # the server needs some time to notice that its client is gone
    while connections(shop) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert connections(shop) == 0
    assert shop.load().voided == (1,)


def test_a_second_run_is_refused_with_the_process_of_the_first(shop: World) -> None:
    with (
        run_lock(shop.settings.home),
        pytest.raises(PermanentError, match=r"another run is at work: process \d+"),
    ):
        shop.load()
    shop.load()


def test_a_source_lost_during_a_copy_is_one_clear_error(shop: World) -> None:
    shop.source.execute("insert into shop.visits select i, 1, now() from generate_series(100, 300000) i")
    shop.load()
    shop.source.execute("update shop.visits set account_id = 2 where true")

    def cut(progress: Progress) -> None:
        if progress.stage == "opened":
            shop.source.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name = 'wwi-ingest' and datname = current_database()"
            )

    with pytest.raises(postgres.TransientError, match="the source was lost"):
        shop.load(on_progress=cut)
    assert shop.statuses() == ["completed", "void"]
    assert shop.load().tables[1].rows_upserted == 299903


@pytest.mark.parametrize("room", [0, 20_000])
def test_a_full_disk_is_reported_and_the_next_run_loads_everything(shop: World, room: int) -> None:
    """A limit on the file size makes writes fail like a full disk."""
    shop.load()
    change(shop)
    shop.source.execute(
        "insert into shop.visits select i, 1, now() - i * interval '7 ms' "
        "from generate_series(10, 30000) as i"
    )
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, old[1]))
    try:
        with pytest.raises(PermanentError, match=r"cannot be read or written: .*WWI_HOME"):
            shop.load()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert visible_changes(shop) == 0
    assert shop.load().tables[1].rows_upserted == 29_992
    assert [row["account_id"] for row in shop.latest("shop.accounts")] == ACCOUNTS
