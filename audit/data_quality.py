"""What the data tests found when they ran last: a build runs only those of the tables that it makes."""

from dataclasses import dataclass
from datetime import datetime

from google.cloud import bigquery

from config.errors import MissingInWarehouseError
from config.settings import Settings
from warehouse.ledger import test_failures
from warehouse.ledger.tables import table_name
from warehouse.ledger.test_failures import FailingRow
from warehouse.queries import query


@dataclass(frozen=True)
class FailingNode:
    """A test or model whose newest outcome is no success. `rows`: that failed the test."""

    kind: str
    name: str
    status: str
    rows: int | None
    finished_at: datetime
    message: str | None


def failing_nodes(client: bigquery.Client, settings: Settings) -> tuple[FailingNode, ...]:
    """Return what did not succeed when it ran last. Raises MissingInWarehouseError without a build."""
    rows = query(
        client,
        f"""
        {_newest_outcomes(settings)}
        select
            kind,
            name,
            status,
            failing_rows as `rows`,
            finished_at,
            message
        from newest
        where status not in ('success', 'pass')
        order by kind, name
        """,
        timeout_s=settings.query_timeout_s,
    )
    return tuple(FailingNode(**row) for row in rows)


def failing_rows(client: bigquery.Client, settings: Settings) -> tuple[FailingRow, ...]:
    """Return the first rows of each data test that warned or failed when it ran last."""
    try:
        rows = query(
            client,
            f"""
            {_newest_outcomes(settings)}
            select {test_failures.COLUMNS}
            from {table_name(settings, test_failures.TABLE)} as failures
            inner join newest as nodes
                on
                    failures.test_name = nodes.name
                    and failures.invocation_id = nodes.invocation_id
            where nodes.kind = 'test'
            order by {test_failures.ORDER}
            """,
            timeout_s=settings.query_timeout_s,
        )
    except MissingInWarehouseError:  # of an earlier release, or no test has found anything yet
        return ()
    return tuple(FailingRow(**row) for row in rows)


def _newest_outcomes(settings: Settings) -> str:
    """SQL: the CTE `newest`, the newest outcome of each node of the live datasets.

    A node that the newest build of everything did not know has been renamed or removed since, and counts no
    more. Unit tests are run only on request, so a build of everything says nothing of them.
    """
    return f"""
        with outcomes as (
            select
                nodes.*,
                builds.scope,
                builds.started_at
            from {table_name(settings, "build_nodes")} as nodes
            inner join {table_name(settings, "builds")} as builds
                on nodes.invocation_id = builds.invocation_id
            where builds.dataset_prefix = '{settings.dataset_prefix}'
        ),

        newest_whole as (
            select max(started_at) as started_at
            from outcomes
            where scope = 'all'
        ),

        known as (
            select distinct
                outcomes.kind,
                outcomes.name
            from outcomes
            cross join newest_whole
            where
                outcomes.kind = 'unit_test'
                or outcomes.started_at >= coalesce(newest_whole.started_at, outcomes.started_at)
        ),

        newest as (
            select outcomes.*
            from outcomes
            inner join known
                on outcomes.kind = known.kind and outcomes.name = known.name
            where outcomes.status not in ('skipped', 'no-op')
            qualify row_number() over (
                partition by outcomes.kind, outcomes.name order by outcomes.finished_at desc
            ) = 1
        )
    """
