"""Measure the cost of a step in elapsed and processor seconds."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import psutil

from config.local_services import read_address
from config.settings import Settings
from sandbox import warehouse

T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """Elapsed seconds (`wall`), and processor seconds of our process with dbt and of the emulator."""

    wall: float
    program: float
    warehouse: float

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.wall + other.wall, self.program + other.program, self.warehouse + other.warehouse)


def spent(settings: Settings, work: Callable[[], T]) -> tuple[T, Cost]:
    """Return the result of `work` and its cost; the local warehouse must be running."""
    emulator = psutil.Process(_warehouse_pid(settings))
    wall, program, theirs = time.monotonic(), time.process_time(), sum(emulator.cpu_times()[:2])
    result = work()
    return result, Cost(
        time.monotonic() - wall,
        time.process_time() - program,
        sum(emulator.cpu_times()[:2]) - theirs,
    )


def _warehouse_pid(settings: Settings) -> int:
    running_at = read_address(settings.home, warehouse.NAME)
    assert running_at is not None
    return int(running_at["pid"])
