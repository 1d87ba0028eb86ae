"""The progress of a running batch, and the report of a completed one."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ingestion.read_window import Mode

Stage = Literal[
    "resuming",  # finishing a batch of an earlier run
    "planned",  # the source is counted and checked; nothing is written yet
    "opened",  # the batch is in the ledger
    "extracted",  # one more table is staged
    "staged",  # all files are staged: from here on the batch can be finished after a crash
    "loading",  # the load jobs start
    "loaded",  # one more table is in raw
    "completed",  # visible
]


class Progress(BaseModel):
    """One step: `done` of `total` tables; `rows` of `table` if the step is about one table."""

    model_config = ConfigDict(frozen=True)

    stage: Stage
    table: str | None = None
    rows: int = 0
    done: int = 0
    total: int = 0


OnProgress = Callable[[Progress], None]


class TableReport(BaseModel):
    """One table of a batch. `source_rows`: rows of the whole table. `seconds`: time to read it.

    `rows_changed`: how many of the rows that were read again differ from raw; None if each row changed.
    `rejected`: values that BigQuery cannot hold; null in raw and stored in `rejected_values`.
    """

    model_config = ConfigDict(frozen=True)

    table: str
    mode: Mode
    reason: str
    source_rows: int
    rows_read: int
    rows_upserted: int
    rows_deleted: int
    rows_changed: int | None = None
    bytes: int
    rejected: int = 0
    seconds: float

    @property
    def changed(self) -> int:
        """Rows that are new or differ from raw."""
        return self.rows_upserted if self.rows_changed is None else self.rows_changed

    @property
    def is_read_again(self) -> bool:
        """Whether unchanged rows were read, too, as in a full read."""
        return self.rows_changed is not None


class BatchReport(BaseModel):
    """A completed batch.

    `load_dts` is UTC, `applied_dts` the source's own clock. `absent`: optional tables missing in the
    source. `schema_changes`: one sentence for each column that is not in the metadata. `resumed` and
    `voided`: batches of earlier runs that this run finished or voided. `seconds`: the whole run.
    """

    model_config = ConfigDict(frozen=True)

    batch_id: int
    load_dts: datetime
    applied_dts: datetime
    source_system: str
    tables: tuple[TableReport, ...]
    absent: tuple[str, ...] = ()
    schema_changes: tuple[str, ...] = ()
    resumed: tuple[int, ...] = ()
    voided: tuple[int, ...] = ()
    seconds: float

    @property
    def rows_loaded(self) -> int:
        """Rows that the batch loaded into raw, including delete records."""
        return sum(table.rows_upserted + table.rows_deleted for table in self.tables)

    @property
    def rejected(self) -> int:
        """Number of rejected values in the batch."""
        return sum(table.rejected for table in self.tables)
