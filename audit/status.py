"""Read the state of the platform from the ledger: latest batches, freshness of tables, pending batches."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from google.cloud import bigquery

from audit.data_quality import failing_nodes, failing_rows
from audit.platform_state import BatchState, BuildState, ColumnChange, Status, TableState
from audit.rejected_values import current_rejected_values
from config.errors import MissingInWarehouseError
from config.settings import Settings
from metadata.spec import Catalog
from warehouse.client import connect
from warehouse.ledger.tables import completed_batches_query, table_name
from warehouse.queries import query


def status(settings: Settings, catalog: Catalog, *, batches: int = 10, now: datetime | None = None) -> Status:
    """Return the newest `batches` batches and builds, and the state of every table.

    `now`: reference time for freshness. The status is empty if nothing was ever loaded.
    """
    client = connect(settings, "status")
    asked_at = now or datetime.now(UTC)
    try:
        found = _batches(client, settings, batches)
        tables = _tables(client, settings)
        rejected = current_rejected_values(client, settings, catalog)
        changes = _changes(client, settings, catalog)
    except MissingInWarehouseError:
        return Status(asked_at, (), ())
    reconciled_at, differences = _last_reconciliation(client, settings)
    try:
        builds = _builds(client, settings, batches)
        failing = failing_nodes(client, settings)
    except MissingInWarehouseError:  # a warehouse of an earlier release, without a build since
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
            from {table_name(settings, "table_loads")}
            group by batch_id
        ),

        rejected_counts as (
            select
                batch_id,
                count(*) as rejected
            from {table_name(settings, "rejected_values")}
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
                select batch_id from {table_name(settings, "vault_loads")}
            ) as is_in_vault,
            batches.error,
            coalesce(rejected_counts.rejected, 0) as rejected
        from {table_name(settings, "batches")} as batches
        left join loads
            on batches.batch_id = loads.batch_id
        left join rejected_counts
            on batches.batch_id = rejected_counts.batch_id
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
            from {table_name(settings, "table_loads")}
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
            inner join {table_name(settings, "batches")} as batches
                on counted.batch_id = batches.batch_id
            where counted.batch_id in ({completed_batches_query(settings)})
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
    """Return the latest event of each column that the metadata do not describe yet."""
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
        from {table_name(settings, "schema_changes")}
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
        with loaded as (
            select
                invocation_id,
                string_agg(cast(batch_id as string), ', ' order by batch_id) as batches
            from {table_name(settings, "vault_loads")}
            group by invocation_id
        )
        select
            builds.started_at,
            builds.finished_at,
            builds.status,
            timestamp_diff(builds.finished_at, builds.started_at, millisecond) / 1000 as seconds,
            loaded.batches,
            builds.models,
            builds.tests,
            builds.failed,
            builds.rows_affected,
            builds.bytes_billed,
            coalesce(builds.commit_id, builds.code_version) as code,
            coalesce(builds.packages, '{{}}') as packages,
            builds.dataset_prefix as prefix,
            builds.error
        from {table_name(settings, "builds")} as builds
        left join loaded
            on builds.invocation_id = loaded.invocation_id
        order by builds.started_at desc
        limit {limit:d}
        """,
    )
    return tuple(BuildState(**{**row, "packages": json.loads(row["packages"])}) for row in rows)


def _last_reconciliation(client: bigquery.Client, settings: Settings) -> tuple[datetime | None, int]:
    """Return the time of the latest reconciliation and its number of differences."""
    try:
        rows = _ask(
            client,
            settings,
            f"""
            select reconciled_at, countif(not is_equal) as differences
            from {table_name(settings, "reconciliations")}
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
