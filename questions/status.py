"""How the platform stands: its last batches, how fresh each table is, what waits or was left over."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.cloud import bigquery

from ingestion import ledger
from ingestion.bigquery import connect, query
from ingestion.errors import MissingInWarehouseError
from ingestion.settings import Settings
from ingestion.test_failures import FailingRow
from metadata.spec import Catalog
from questions.data_quality import FailingNode, failing_nodes, failing_rows
from questions.rejected import RejectedValues, standing


@dataclass(frozen=True)
class BatchState:
    """One batch of the ledger. `is_in_vault`: a build has loaded it; `applied_dts` is the source's clock.

    `rows_read`: rows that were added to raw, all rows of a table that was read whole. `rows_changed`: those
    of them that are new or differ from what raw held. `rejected`: values that BigQuery cannot hold.
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
    """The last load of one table, with rows as in BatchState, and when a load last changed it."""

    table: str
    batch_id: int
    mode: str
    rows_read: int
    rows_changed: int
    rows_deleted: int
    changed_at: datetime | None


@dataclass(frozen=True)
class ColumnChange:
    """What became last of a column that the metadata do not know, see ingestion/new_columns.py."""

    table: str
    column: str
    type: str
    change: str
    reason: str
    batch_id: int


@dataclass(frozen=True)
class BuildState:
    """One build. `batches`: those that it took up, as text; `bytes_billed`: None where the engine tells none.

    `packages`: versions of dbt and its packages.

    `prefix`: of the datasets that were built; a rebuild's are not the live ones. One that is "running" runs
    now or was killed and is the newest; of that and of a "killed" one there is no more than the beginning.
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
        """The stand-ins of vault/offline that built in place of AutomateDV and dbt-utils, with versions."""
        return tuple(f"{name} {version}" for name, version in self.packages.items() if "+offline" in version)


@dataclass(frozen=True)
class Status:
    """The state of the platform at `asked_at` (UTC). The newest batch comes first.

    `rejected`: what the source still holds and BigQuery cannot. `changes`: of columns not described yet.
    `builds`: the newest first; `failing`: what did not succeed when it ran last; `failing_rows`: the first
    rows of its data tests.
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
        """load_dts of the newest completed batch: what the warehouse knows ends here."""
        return next((batch.load_dts for batch in self.batches if batch.status == "completed"), None)

    @property
    def behind_s(self) -> float | None:
        """Seconds since that batch; None before the first one."""
        return (self.asked_at - self.loaded_to).total_seconds() if self.loaded_to else None

    @property
    def offline_packages(self) -> tuple[str, ...]:
        """The stand-ins of vault/offline in the newest build; none when it had the originals."""
        return self.builds[0].offline_packages if self.builds else ()

    @property
    def waiting(self) -> tuple[int, ...]:
        """Completed batches that no build has loaded into the vault."""
        return tuple(b.batch_id for b in self.batches if b.status == "completed" and not b.is_in_vault)

    @property
    def questionable(self) -> dict[tuple[str, str | None], int]:
        """{(table, column): rows} of the data tests that warned or failed when they ran last."""
        return {(row.table, row.column): row.rows for row in self.failing_rows}

    @property
    def open(self) -> tuple[int, ...]:
        """Batches neither completed nor given up: running now, or left by a run that was killed."""
        return tuple(b.batch_id for b in self.batches if b.status not in ("completed", "void"))


def status(settings: Settings, catalog: Catalog, *, batches: int = 10, now: datetime | None = None) -> Status:
    """Return the newest `batches` batches and the state of every table, as the ledger has them.

    `now` is the time to measure freshness at. An empty status means that nothing was ever loaded.
    """
    client = connect(settings, "status")
    asked_at = now or datetime.now(UTC)
    try:
        found = _batches(client, settings, batches)
        tables = _tables(client, settings)
        rejected = standing(client, settings, catalog)
        changes = _changes(client, settings, catalog)
    except MissingInWarehouseError:
        return Status(asked_at, (), ())
    reconciled_at, differences = _last_reconciliation(client, settings)
    try:
        builds = _builds(client, settings, batches)
        failing = failing_nodes(client, settings)
    except MissingInWarehouseError:  # of an earlier release, and nothing was built since
        builds, failing = (), ()
    rows = failing_rows(client, settings) if failing else ()
    return Status(
        asked_at, found, tables, reconciled_at, differences, rejected, changes, builds, failing, rows
    )


def _batches(client: bigquery.Client, settings: Settings, limit: int) -> tuple[BatchState, ...]:
    rows = _ask(
        client,
        settings,
        f"""
        with loads as (
            select
                batch_id,
                count(*) as tables,
                sum(rows_read) as rows_read,
                sum(coalesce(rows_changed, rows_upserted)) as rows_changed,
                sum(rows_deleted) as rows_deleted
            from {ledger.table_name(settings, "table_loads")}
            group by batch_id
        ),

        set_apart as (
            select
                batch_id,
                count(*) as rejected
            from {ledger.table_name(settings, "rejected_values")}
            group by batch_id
        )
        select
            batches.batch_id,
            batches.status,
            batches.load_dts,
            batches.applied_dts,
            timestamp_diff(batches.finished_at, batches.started_at, millisecond) / 1000 as seconds,
            coalesce(loads.tables, 0) as tables,
            coalesce(loads.rows_read, 0) as rows_read,
            coalesce(loads.rows_changed, 0) as rows_changed,
            coalesce(loads.rows_deleted, 0) as rows_deleted,
            batches.batch_id in (
                select batch_id from {ledger.table_name(settings, "vault_loads")}
            ) as is_in_vault,
            batches.error,
            coalesce(set_apart.rejected, 0) as rejected
        from {ledger.table_name(settings, "batches")} as batches
        left join loads
            on batches.batch_id = loads.batch_id
        left join set_apart
            on batches.batch_id = set_apart.batch_id
        order by batches.batch_id desc
        limit {limit:d}
        """,
    )
    return tuple(BatchState(**row) for row in rows)


def _tables(client: bigquery.Client, settings: Settings) -> tuple[TableState, ...]:
    rows = _ask(
        client,
        settings,
        f"""
        with counted as (
            select
                *,
                coalesce(rows_changed, rows_upserted) as changed
            from {ledger.table_name(settings, "table_loads")}
        ),

        loads as (
            select
                counted.table_name,
                counted.batch_id,
                counted.mode,
                counted.rows_read,
                counted.changed,
                counted.rows_deleted,
                max(if(counted.changed + counted.rows_deleted > 0, batches.load_dts, null))
                    over (partition by counted.table_name) as changed_at,
                row_number() over (partition by counted.table_name order by counted.batch_id desc) as age
            from counted
            inner join {ledger.table_name(settings, "batches")} as batches
                on counted.batch_id = batches.batch_id
            where counted.batch_id in ({ledger.completed(settings)})
        )

        select
            table_name as `table`,
            batch_id,
            mode,
            coalesce(rows_read, 0) as rows_read,
            coalesce(changed, 0) as rows_changed,
            coalesce(rows_deleted, 0) as rows_deleted,
            changed_at
        from loads
        where age = 1
        order by table_name
        """,
    )
    return tuple(TableState(**row) for row in rows)


def _changes(client: bigquery.Client, settings: Settings, catalog: Catalog) -> tuple[ColumnChange, ...]:
    """The newest note of each column, unless the metadata have come to know it."""
    rows = _ask(
        client,
        settings,
        f"""
        select
            table_name as `table`,
            column_name as `column`,
            source_type as type,
            change,
            coalesce(reason, '') as reason,
            batch_id
        from {ledger.table_name(settings, "schema_changes")}
        where true
        qualify row_number() over (partition by table_name, column_name order by batch_id desc) = 1
        order by `table`, `column`
        """,
    )
    described = {(table.qualified, name) for table in catalog.tables for name in table.column_names}
    found = (ColumnChange(**row) for row in rows)
    return tuple(each for each in found if (each.table, each.column) not in described)


def _builds(client: bigquery.Client, settings: Settings, limit: int) -> tuple[BuildState, ...]:
    rows = _ask(
        client,
        settings,
        f"""
        with taken as (
            select
                invocation_id,
                string_agg(cast(batch_id as string), ', ' order by batch_id) as batches
            from {ledger.table_name(settings, "vault_loads")}
            group by invocation_id
        )
        select
            builds.started_at,
            builds.finished_at,
            builds.status,
            timestamp_diff(builds.finished_at, builds.started_at, millisecond) / 1000 as seconds,
            taken.batches,
            builds.models,
            builds.tests,
            builds.failed,
            builds.rows_affected,
            builds.bytes_billed,
            coalesce(builds.commit_id, builds.code_version) as code,
            coalesce(builds.packages, '{{}}') as packages,
            builds.dataset_prefix as prefix,
            builds.error
        from {ledger.table_name(settings, "builds")} as builds
        left join taken
            on builds.invocation_id = taken.invocation_id
        order by builds.started_at desc
        limit {limit:d}
        """,
    )
    return tuple(BuildState(**{**row, "packages": json.loads(row["packages"])}) for row in rows)


def _last_reconciliation(client: bigquery.Client, settings: Settings) -> tuple[datetime | None, int]:
    """Return when the layers were last compared and how many totals differed."""
    try:
        rows = _ask(
            client,
            settings,
            f"""
            select reconciled_at, countif(not is_equal) as differences
            from {ledger.table_name(settings, "reconciliations")}
            group by reconciled_at
            order by reconciled_at desc
            limit 1
            """,
        )
    except MissingInWarehouseError:
        rows = []
    return (rows[0]["reconciled_at"], rows[0]["differences"]) if rows else (None, 0)


def _ask(client: bigquery.Client, settings: Settings, sql: str) -> Sequence[dict[str, Any]]:
    return query(client, sql, timeout_s=settings.query_timeout_s)
