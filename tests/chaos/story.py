"""A story that is lived twice: days of business, loaded and built, once in peace and once among accidents.

The accidents hit a run of `wwi ingest` or `wwi build` at a random moment: its process is killed, the source
is killed and comes back, or the warehouse is. Then the next one is let to its end, which must simply succeed.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import psutil
import psycopg

from flows.simulation import simulate
from ingestion.settings import Settings
from sandbox import postgres, warehouse
from tests.chaos.content import Table, contents

Step = Literal["ingest", "build"]
Accident = Literal["run", "source", "warehouse"]

WWI = Path(sys.executable).parent / "wwi"
FIRST_DAY = date(2016, 3, 1)
FIRST_DAYS = 20
SCALE = 0.05
STEP_TIMEOUT_S = 400
# how often each accident happens, of ten
LOTS: tuple[Accident, ...] = ("run",) * 7 + ("source",) + ("warehouse",) * 2


@dataclass(frozen=True)
class Hit:
    """One accident: what was hit while which step ran, how many seconds after it began, and how it ended."""

    day: int
    step: Step
    accident: Accident
    after_s: float
    exit_code: int | None


@dataclass
class Lived:
    """What came of a story: every table, the seconds of each step in peace, and the accidents."""

    tables: Mapping[str, Table]
    seconds: dict[Step, float]
    hits: list[Hit] = field(default_factory=list)


def in_peace(days: int, select: Sequence[str]) -> Lived:
    """Live the story without accidents. `select`: what dbt builds; nothing: all."""
    with _world() as settings:
        seconds: dict[Step, float] = {}
        for day in range(days):
            _live(settings, day)
            for step in ("ingest", "build"):
                began = time.monotonic()
                _finish(settings, step, select, [])
                seconds[step] = time.monotonic() - began
        return Lived(contents(settings), seconds)


def among_accidents(
    days: int, select: Sequence[str], peace: Lived, *, hits: Mapping[Step, int], seed: int
) -> Lived:
    """Live it again with so many accidents on each step of each day, at moments that `seed` chooses."""
    choice = random.Random(seed)
    with _world() as settings:
        lived = Lived({}, peace.seconds)
        for day in range(days):
            _live(settings, day)
            for step in ("ingest", "build"):
                for _ in range(hits[step]):
                    lived.hits.append(_hit(settings, day, step, select, peace.seconds[step], choice))
                _finish(settings, step, select, lived.hits)
        lived.tables = contents(settings)
        return lived


@contextmanager
def _world() -> Iterator[Settings]:
    """A source and a warehouse of their own, which can be killed without harm to other tests."""
    with TemporaryDirectory(prefix="wwi-chaos-", ignore_cleanup_errors=True) as folder:
        settings = Settings(home=Path(folder), _env_file=None)
        try:
            postgres.up(settings)
            warehouse.up(settings)
            yield settings
        finally:
            warehouse.down(settings)
            postgres.down(settings)


def _live(settings: Settings, day: int) -> None:
    """Add to the source what happens until the end of a day of the story."""
    if day == 0:
        simulate(settings, first=FIRST_DAY, days=FIRST_DAYS, scale=SCALE)
    else:
        simulate(settings, days=1)
    # the sandbox commits without waiting for the disk: what a kill would lose is written now
    with psycopg.connect(postgres.up(settings)["admin_dsn"], autocommit=True, connect_timeout=10) as admin:
        admin.execute("checkpoint")


def _start(settings: Settings, step: Step, select: Sequence[str]) -> subprocess.Popen[str]:
    arguments = ["--select", " ".join(select)] if step == "build" and select else []
    foreign = {name: value for name, value in os.environ.items() if not name.startswith(("WWI_", "PREFECT_"))}
    return subprocess.Popen(
        [WWI, step, *arguments],
        # of a selection dbt makes only the tests that have all they ask
        env={**foreign, "WWI_HOME": str(settings.home), "DBT_INDIRECT_SELECTION": "cautious"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _finish(settings: Settings, step: Step, select: Sequence[str], hits: Sequence[Hit]) -> None:
    """Run a step to its end, which must be a good one, whatever happened before."""
    process = _start(settings, step, select)
    try:
        output, _ = process.communicate(timeout=STEP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        raise AssertionError(f"{step} did not end after {hits[-3:]}:\n{output[-3000:]}") from None
    assert process.returncode == 0, f"{step} failed after {hits[-3:]}:\n{output[-3000:]}"


def _hit(  # noqa: PLR0913, PLR0917 - where and when the accident happens
    settings: Settings,
    day: int,
    step: Step,
    select: Sequence[str],
    seconds: float,
    choice: random.Random,
) -> Hit:
    accident = choice.choice(LOTS)
    after_s = choice.uniform(0, seconds)
    process = _start(settings, step, select)
    time.sleep(after_s)
    _ACCIDENTS[accident](settings, process)
    try:
        process.communicate(timeout=STEP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise AssertionError(f"{step} hung when the {accident} was killed after {after_s:.2f} s") from None
    postgres.up(settings)
    warehouse.up(settings)
    return Hit(day, step, accident, round(after_s, 2), process.returncode)


def _kill_run(_: Settings, process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _kill_source(settings: Settings, _: object) -> None:
    """An immediate shutdown: every connection breaks, and the next start recovers from the log."""
    _end(postgres.up(settings)["pid"], signal.SIGQUIT)
    postgres.up(settings)


def _kill_warehouse(settings: Settings, _: object) -> None:
    _end(warehouse.up(settings)["pid"], signal.SIGKILL)
    warehouse.up(settings)


def _end(pid: int, how: signal.Signals) -> None:
    server = psutil.Process(pid)
    server.send_signal(how)
    psutil.wait_procs([server], timeout=30)


_ACCIDENTS: Mapping[Accident, Callable[[Settings, subprocess.Popen[str]], None]] = {
    "run": _kill_run,
    "source": _kill_source,
    "warehouse": _kill_warehouse,
}
