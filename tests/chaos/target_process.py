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

DURING_CALL_S = 0.01
# modules that a command imports only when it runs
IMPORTED = {
    "ingest": ("ingestion.batch", "metadata.load", "cli.pages.results"),
    "build": ("transform.dbt", "transform.outage_retry", "dbt.cli.main", "dbt.adapters.bigquery"),
}
# modules that read the clock
CLOCKS = {
    "ingest": (
        "ingestion.extract.batch_reader",
        "ingestion.extract.table_reader",
        "ingestion.load.raw_loader",
        "ingestion.batch_ledger",
    ),
    "build": ("transform.build_record", "dbt_common.invocation"),
}


@dataclass(frozen=True)
class Point:
    """A place in the code: before, during or after the `nth` call of `module.function`."""

    function: str
    when: Literal["before", "during", "after"]
    nth: int = 1

    def __str__(self) -> str:
        nth = f", call {self.nth}" if self.nth > 1 else ""
        return f"{self.when} {self.function}{nth}"


@dataclass(frozen=True)
class ProcessPlan:
    """Changes inside the process.

    `point`: where it stops. `max_file_bytes`: file size limit, to simulate a full disk. `clock_behind_s`:
    seconds by which its clock is late.
    """

    point: Point | None = None
    max_file_bytes: int | None = None
    clock_behind_s: int = 0

    def to_text(self) -> str:
        """Return the argument of the program."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_text(text: str) -> "ProcessPlan":
        """Parse the argument of the program."""
        values = json.loads(text)
        return ProcessPlan(**{**values, "point": Point(**values["point"]) if values["point"] else None})


def stop() -> None:
    """Stop this process until it gets SIGCONT."""
    os.kill(os.getpid(), signal.SIGSTOP)


def apply_plan(plan: ProcessPlan, command: str) -> None:
    """Import the modules of the command and apply the plan."""
    for module in IMPORTED[command]:
        importlib.import_module(module)
    if command == "build":
        _select_tests_with_all_their_tables()
    if plan.point:
        _stop_at(plan.point)
    if plan.max_file_bytes is not None:
        _, maximum = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (plan.max_file_bytes, maximum))
    if plan.clock_behind_s:
        for module in CLOCKS[command]:
            vars(importlib.import_module(module))["datetime"] = _late_clock(plan.clock_behind_s)


def _select_tests_with_all_their_tables() -> None:
    """Skip tests whose tables are not all selected."""
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
            is_planned = calls == point.nth
        if is_planned and point.when == "before":
            stop()
        if is_planned and point.when == "during":
            threading.Timer(DURING_CALL_S, stop).start()
        result = original(*args, **kwargs)
        if is_planned and point.when == "after":
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

    apply_plan(ProcessPlan.from_text(sys.argv[1]), sys.argv[2])
    stop()
    main(sys.argv[2:])
