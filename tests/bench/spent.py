"""What a step costs: seconds on the wall, and of the processor, which hardly depend on others at work."""

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
class Spent:
    """Seconds on the wall; of the processor, by us with dbt (`program`) and by the emulator (`warehouse`)."""

    wall: float
    program: float
    warehouse: float

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.wall + other.wall, self.program + other.program, self.warehouse + other.warehouse)


def spent(settings: Settings, work: Callable[[], T]) -> tuple[T, Spent]:
    """Return what `work` returns and what it took, with the local warehouse up."""
    emulator = psutil.Process(_warehouse_pid(settings))
    wall, program, theirs = time.monotonic(), time.process_time(), sum(emulator.cpu_times()[:2])
    result = work()
    return result, Spent(
        time.monotonic() - wall,
        time.process_time() - program,
        sum(emulator.cpu_times()[:2]) - theirs,
    )


def _warehouse_pid(settings: Settings) -> int:
    running_at = read_address(settings.home, warehouse.NAME)
    assert running_at is not None
    return int(running_at["pid"])
