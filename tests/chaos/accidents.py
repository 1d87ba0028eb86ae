"""The accidents: what happens, and where in a run.

Each happens to a process that is at work. Where it has no point of its own it happens at any moment of the
run; a point is a place in the code that a moment drawn at random would hardly ever meet.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from tests.chaos.target_process import Point

Step = Literal["ingest", "build"]
# "kill": of the run itself, by SIGKILL. "source", "warehouse": the server is killed and started again.
# "second": another run is started meanwhile. "disk": no room for the files. "clock": it has gone backwards.
What = Literal["kill", "source", "warehouse", "second", "disk", "clock"]


@dataclass(frozen=True)
class Accident:
    """What happens, and at which point of the run; without one, at any moment."""

    what: What
    point: Point | None = None

    def __str__(self) -> str:
        return f"{self.what} {self.point}" if self.point else self.what


OPENING = Point("ingestion.extract.batch_reader.open_batch", "during")
READING = Point("ingestion.extract.table_reader.read_block", "before")
STAGING = Point("ingestion.staged_files.write_manifest", "before")
STAGED = Point("ingestion.staged_files.write_manifest", "after")
TELLING = Point("ingestion.load.raw_loader.set_status", "during")
IN_MID_LOAD = Point("ingestion.load.raw_loader.load_parquet", "during")
BETWEEN_LOADS = Point("ingestion.load.raw_loader.load_parquet", "after")
COMPLETING = Point("ingestion.load.raw_loader.complete", "during")
COMPLETED = Point("ingestion.load.raw_loader.complete", "after")
KEEPING_KEYS = Point("ingestion.changes.key_cache.store_keys", "during")
SHARED_OUT = (READING, IN_MID_LOAD, BETWEEN_LOADS)  # for every table, so there are several calls
MOST_CALLS = 8

FEW: Mapping[Step, tuple[Accident, ...]] = {
    "ingest": (
        Accident("kill", BETWEEN_LOADS),
        Accident("source", READING),
        Accident("warehouse", IN_MID_LOAD),
    ),
    "build": (Accident("kill"),),
}
MANY: Mapping[Step, tuple[Accident, ...]] = {
    "ingest": (
        *[Accident("kill")] * 10,
        *[Accident("kill", BETWEEN_LOADS)] * 3,
        Accident("kill", IN_MID_LOAD),
        Accident("kill", READING),
        Accident("kill", OPENING),
        Accident("kill", STAGING),
        Accident("kill", STAGED),
        Accident("kill", TELLING),
        Accident("kill", COMPLETING),
        Accident("kill", COMPLETED),
        Accident("kill", KEEPING_KEYS),
        *[Accident("source")] * 2,
        *[Accident("source", READING)] * 3,
        *[Accident("warehouse")] * 2,
        *[Accident("warehouse", IN_MID_LOAD)] * 3,
        Accident("warehouse", BETWEEN_LOADS),
        Accident("warehouse", COMPLETING),
        *[Accident("disk")] * 3,
        *[Accident("second")] * 2,
        Accident("second", IN_MID_LOAD),
        *[Accident("clock")] * 2,
    ),
    "build": (
        *[Accident("kill")] * 4,
        *[Accident("warehouse")] * 2,
        Accident("second"),
        Accident("clock"),
    ),
}


def shuffled(accidents: tuple[Accident, ...], choice: random.Random) -> list[Accident]:
    """Return the accidents in another order; what happens in one of many calls gets its call."""
    dealt = [
        replace(each, point=replace(each.point, nth=choice.randint(1, MOST_CALLS)))
        if each.point in SHARED_OUT and each.point is not None
        else each
        for each in accidents
    ]
    choice.shuffle(dealt)
    return dealt
