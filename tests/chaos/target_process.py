"""Run `wwi` as a process that stops at a point: `python -m tests.chaos.target_process PLAN COMMAND ...`.

It stops itself (SIGSTOP) after all imports, before the command starts, and again at the planned point. The
test then injects a failure and lets it continue (SIGCONT) or not. The platform's code does not know of this.
"""

import importlib
import json
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, Literal

IN_MID_CALL_S = 0.01
# what a command imports only when it runs
IMPORTED = {
    "ingest": ("ingestion.batch", "metadata.load", "cli.pages.results"),
    "build": ("transform.dbt", "transform.outage_retry", "dbt.cli.main", "dbt.adapters.bigquery"),
}
# where the time is looked at
CLOCKS = {
    "ingest": (
        "ingestion.extract.batch_reader",
        "ingestion.extract.table_reader",
        "ingestion.load.raw_loader",
        "ingestion.batch_ledger",
    ),
    "build": ("transform.loading.load", "dbt_common.invocation"),
}


@dataclass(frozen=True)
class Point:
    """A place in the code: before, during or after the `nth` call of a function, named with its module."""

    function: str
    when: Literal["before", "during", "after"]
    nth: int = 1

    def __str__(self) -> str:
        nth = f", call {self.nth}" if self.nth > 1 else ""
        return f"{self.when} {self.function}{nth}"


@dataclass(frozen=True)
class Arrangement:
    """What happens to the process from within.

    `point`: where it stops. `room`: how many bytes a file may have, as on a full disk. `behind_s`: how many
    seconds its clock is late.
    """

    point: Point | None = None
    room: int | None = None
    behind_s: int = 0

    def to_text(self) -> str:
        """Return the argument of the program."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_text(text: str) -> "Arrangement":
        """Return what `to_text` was made of."""
        values = json.loads(text)
        return Arrangement(**{**values, "point": Point(**values["point"]) if values["point"] else None})


def stop() -> None:
    """Stop this process until it gets SIGCONT."""
    os.kill(os.getpid(), signal.SIGSTOP)


def arrange(arrangement: Arrangement, command: str) -> None:
    """Have it happen."""
    for module in IMPORTED[command]:
        importlib.import_module(module)
    if command == "build":
        _select_tests_with_all_their_tables()
    if arrangement.point:
        _stop_at(arrangement.point)
    if arrangement.room is not None:
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (arrangement.room, most))
    if arrangement.behind_s:
        for module in CLOCKS[command]:
            vars(importlib.import_module(module))["datetime"] = _late_clock(arrangement.behind_s)


def _select_tests_with_all_their_tables() -> None:
    """A selection of the whole project leaves out tables that some of its tests ask for."""
    modules = [importlib.import_module(name) for name in ("transform.dbt", "transform.build_plan")]
    original: Callable[..., list[str]] = modules[0].build_arguments

    def arguments(*args: Any, **kwargs: Any) -> list[str]:
        return [*original(*args, **kwargs), "--indirect-selection", "cautious"]

    for module in modules:
        vars(module)["build_arguments"] = arguments


def _stop_at(point: Point) -> None:
    module_name, _, name = point.function.rpartition(".")
    module = importlib.import_module(module_name)
    original: Callable[..., Any] = getattr(module, name)
    calls = 0
    counting = threading.Lock()

    def stopping(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        with counting:
            calls += 1
            is_it = calls == point.nth
        if is_it and point.when == "before":
            stop()
        if is_it and point.when == "during":
            threading.Timer(IN_MID_CALL_S, stop).start()
        result = original(*args, **kwargs)
        if is_it and point.when == "after":
            stop()
        return result

    setattr(module, name, stopping)


def _late_clock(seconds: int) -> type[datetime]:
    class Late(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) - timedelta(seconds=seconds)

    return Late


if __name__ == "__main__":
    from cli import main

    arrange(Arrangement.from_text(sys.argv[1]), sys.argv[2])
    stop()
    main(sys.argv[2:])
