"""The latest results of data tests and models. A build runs only the tests of the tables that it builds."""

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
    """A test or model whose latest run did not succeed. `rows`: number of rows that failed the test."""

    kind: str
    name: str
    status: str
    rows: int | None
    finished_at: datetime
    message: str | None


def failing_nodes(client: bigquery.Client, settings: Settings) -> tuple[FailingNode, ...]:
    """Return tests and models whose latest run did not succeed.

    Raises MissingInWarehouseError before the first build.
    """
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
    """Return the first failing rows of each data test whose latest run warned or failed."""
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
    except MissingInWarehouseError:  # a warehouse of an earlier release, or no test has failed yet
        return ()
    return tuple(FailingRow(**row) for row in rows)


def _newest_outcomes(settings: Settings) -> str:
    """Return the CTE `newest`: the latest result of each node of the live datasets.

    A node that is missing in the latest full build was renamed or removed, so it is left out. Unit tests
    run only on request, so they are kept even if the full build did not run them.
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

        newest_full as (
            select max(started_at) as started_at
            from outcomes
            where scope = 'all'
        ),

        known as (
            select distinct
                outcomes.kind,
                outcomes.name
            from outcomes
            cross join newest_full
            where
                outcomes.kind = 'unit_test'
                or outcomes.started_at >= coalesce(newest_full.started_at, outcomes.started_at)
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
