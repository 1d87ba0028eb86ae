"""The failures to inject, and where in a run.

A failure without a point happens at a random time of the run. A point is a place in the code that a random
time would rarely hit.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from tests.chaos.target_process import Point

Step = Literal["ingest", "build"]
# "kill": the run gets SIGKILL. "source", "warehouse": the server is killed and restarted. "second": another
# run starts at the same time. "disk": the disk is full. "clock": the clock was set back.
Kind = Literal["kill", "source", "warehouse", "second", "disk", "clock"]


@dataclass(frozen=True)
class Failure:
    """A kind of failure and its point in the run; without a point, at a random time."""

    kind: Kind
    point: Point | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.point}" if self.point else self.kind


OPEN_BATCH = Point("ingestion.extract.batch_reader.open_batch", "during")
READ_BLOCK = Point("ingestion.extract.table_reader.read_block", "before")
BEFORE_MANIFEST = Point("ingestion.staged_files.write_manifest", "before")
AFTER_MANIFEST = Point("ingestion.staged_files.write_manifest", "after")
SET_STATUS = Point("ingestion.load.raw_loader.set_status", "during")
DURING_LOAD_JOB = Point("ingestion.load.raw_loader.load_parquet", "during")
AFTER_LOAD_JOB = Point("ingestion.load.raw_loader.load_parquet", "after")
COMPLETE_BATCH = Point("ingestion.load.raw_loader.complete", "during")
AFTER_COMPLETE_BATCH = Point("ingestion.load.raw_loader.complete", "after")
STORE_KEYS = Point("ingestion.changes.key_cache.store_keys", "during")
CALLED_PER_TABLE = (READ_BLOCK, DURING_LOAD_JOB, AFTER_LOAD_JOB)  # called once for each table
MAX_CALL = 8

FEW_FAILURES: Mapping[Step, tuple[Failure, ...]] = {
    "ingest": (
        Failure("kill", AFTER_LOAD_JOB),
        Failure("source", READ_BLOCK),
        Failure("warehouse", DURING_LOAD_JOB),
    ),
    "build": (Failure("kill"),),
}
MANY_FAILURES: Mapping[Step, tuple[Failure, ...]] = {
    "ingest": (
        *[Failure("kill")] * 10,
        *[Failure("kill", AFTER_LOAD_JOB)] * 3,
        Failure("kill", DURING_LOAD_JOB),
        Failure("kill", READ_BLOCK),
        Failure("kill", OPEN_BATCH),
        Failure("kill", BEFORE_MANIFEST),
        Failure("kill", AFTER_MANIFEST),
        Failure("kill", SET_STATUS),
        Failure("kill", COMPLETE_BATCH),
        Failure("kill", AFTER_COMPLETE_BATCH),
        Failure("kill", STORE_KEYS),
        *[Failure("source")] * 2,
        *[Failure("source", READ_BLOCK)] * 3,
        *[Failure("warehouse")] * 2,
        *[Failure("warehouse", DURING_LOAD_JOB)] * 3,
        Failure("warehouse", AFTER_LOAD_JOB),
        Failure("warehouse", COMPLETE_BATCH),
        *[Failure("disk")] * 3,
        *[Failure("second")] * 2,
        Failure("second", DURING_LOAD_JOB),
        *[Failure("clock")] * 2,
    ),
    "build": (
        *[Failure("kill")] * 4,
        *[Failure("warehouse")] * 2,
        Failure("second"),
        Failure("clock"),
    ),
}


def shuffled(failures: tuple[Failure, ...], choice: random.Random) -> list[Failure]:
    """Return the failures in random order; a point that is called several times gets a random call."""
    failures_with_calls = [
        replace(each, point=replace(each.point, nth=choice.randint(1, MAX_CALL)))
        if each.point in CALLED_PER_TABLE and each.point is not None
        else each
        for each in failures
    ]
    choice.shuffle(failures_with_calls)
    return failures_with_calls
