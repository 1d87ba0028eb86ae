"""The result of `wwi status`: batches, tables, builds and new columns."""

from dataclasses import dataclass
from datetime import datetime

from audit.data_quality import FailingNode
from audit.rejected_values import RejectedValues
from warehouse.ledger.test_failures import FailingRow


@dataclass(frozen=True)
class BatchState:
    """One batch of the ledger. `is_in_vault`: a build has loaded it; `applied_dts`: time of the source.

    `rows_read`: rows added to raw; for a full read, all rows of the table. `rows_changed`: rows that were
    new or different. `rejected`: number of values that BigQuery cannot hold.
    """

    batch_id: int
    status: str
    load_dts: datetime
    applied_dts: datetime | None
    seconds: float | None
    tables: int
    rows_read: int
    rows_changed: int
    rows_deleted: int
    is_in_vault: bool
    error: str | None
    rejected: int = 0


@dataclass(frozen=True)
class TableState:
    """The latest load of one table, with row counts as in BatchState, and when a load last changed it."""

    table: str
    batch_id: int
    mode: str
    rows_read: int
    rows_changed: int
    rows_deleted: int
    changed_at: datetime | None


@dataclass(frozen=True)
class ColumnChange:
    """The latest event of a column not in the metadata, see ingestion/changes/new_columns.py."""

    table: str
    column: str
    type: str
    change: str
    reason: str
    batch_id: int


@dataclass(frozen=True)
class BuildState:
    """One build. `batches`: those that it loaded, as text; `bytes_billed`: None if the engine reports none.

    `packages`: versions of dbt and its packages. `prefix`: of the datasets that were built; a rebuild uses
    its own. A newest build with status "running" may have been killed. For "running" and "killed" builds
    only the start is recorded.
    """

    started_at: datetime
    finished_at: datetime | None
    status: str
    seconds: float | None
    batches: str | None
    models: int | None
    tests: int | None
    failed: int | None
    rows_affected: int | None
    bytes_billed: int | None
    code: str
    packages: dict[str, str]
    prefix: str
    error: str | None

    @property
    def offline_packages(self) -> tuple[str, ...]:
        """The stand-ins of vault/offline that replaced AutomateDV and dbt-utils, with versions."""
        return tuple(f"{name} {version}" for name, version in self.packages.items() if "+offline" in version)


@dataclass(frozen=True)
class Status:
    """The state of the platform at `asked_at` (UTC). The newest batch comes first.

    `rejected`: current values of the source that BigQuery cannot hold. `changes`: columns that the metadata
    do not describe yet. `builds`: newest first; `failing`: nodes whose latest run did not succeed;
    `failing_rows`: the first failing rows of data tests.
    """

    asked_at: datetime
    batches: tuple[BatchState, ...]
    tables: tuple[TableState, ...]
    reconciled_at: datetime | None = None
    differences: int = 0
    rejected: tuple[RejectedValues, ...] = ()
    changes: tuple[ColumnChange, ...] = ()
    builds: tuple[BuildState, ...] = ()
    failing: tuple[FailingNode, ...] = ()
    failing_rows: tuple[FailingRow, ...] = ()

    @property
    def loaded_to(self) -> datetime | None:
        """Load time of the newest completed batch."""
        return next((batch.load_dts for batch in self.batches if batch.status == "completed"), None)

    @property
    def behind_s(self) -> float | None:
        """Seconds since that batch; None before the first one."""
        return (self.asked_at - self.loaded_to).total_seconds() if self.loaded_to else None

    @property
    def offline_packages(self) -> tuple[str, ...]:
        """The stand-ins of vault/offline in the newest build; none if it used the original packages."""
        return self.builds[0].offline_packages if self.builds else ()

    @property
    def pending(self) -> tuple[int, ...]:
        """Completed batches that no build has loaded into the vault."""
        return tuple(b.batch_id for b in self.batches if b.status == "completed" and not b.is_in_vault)

    @property
    def questionable(self) -> dict[tuple[str, str | None], int]:
        """{(table, column): rows} of the data tests whose latest run warned or failed."""
        return {(row.table, row.column): row.rows for row in self.failing_rows}

    @property
    def open(self) -> tuple[int, ...]:
        """Batches neither completed nor abandoned: running now, or left behind by a killed run."""
        return tuple(b.batch_id for b in self.batches if b.status not in ("completed", "void"))
