"""What a batch says of itself: while it runs, and when it has ended."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ingestion.read_window import Mode

Stage = Literal[
    "resuming",  # a batch that an earlier run left behind is being finished
    "planned",  # the source is counted and found sound; nothing is written yet
    "opened",  # the batch is in the ledger
    "extracted",  # one more table is in the spool
    "spooled",  # the spool is whole: from here on the batch survives
    "loading",  # the ledger says so
    "loaded",  # one more table is in raw
    "completed",  # visible
]


class Progress(BaseModel):
    """One step: `done` of `total` tables; `rows` of `table` where the step is about one."""

    model_config = ConfigDict(frozen=True)

    stage: Stage
    table: str | None = None
    rows: int = 0
    done: int = 0
    total: int = 0


OnProgress = Callable[[Progress], None]


class TableReport(BaseModel):
    """One table of a batch. `source_rows`: rows of the whole table. `seconds`: reading it.

    `rows_changed`: how many rows that were read again differ from raw; None where each row changed.

    `rejected`: values that BigQuery cannot hold, null in raw and kept in the ledger's rejected_values.
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
        """Rows that are new or differ from what raw held."""
        return self.rows_upserted if self.rows_changed is None else self.rows_changed

    @property
    def is_read_again(self) -> bool:
        """Whether rows were read that need not have changed, as in a full read."""
        return self.rows_changed is not None


class BatchReport(BaseModel):
    """A completed batch.

    `load_dts` is UTC, `applied_dts` the source's own clock. `absent`: optional tables that the source lacks.
    `schema_changes`: a sentence on each column that the metadata do not know. `resumed` and `voided`:
    batches of earlier runs that this run finished or gave up. `seconds`: the whole run.
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
        """Rows that the batch brought to raw, delete records included."""
        return sum(table.rows_upserted + table.rows_deleted for table in self.tables)

    @property
    def rejected(self) -> int:
        """Values that the batch set apart."""
        return sum(table.rejected for table in self.tables)
