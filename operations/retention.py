"""The monthly clearing up: what has served its time and can be let go without losing a state or a proof.

History is never let go: raw and vault keep every state, the ladder of snapshots (`bv_snapshot`) is moved on
by every build, and what the chain of batches is taken of stays as it is. What grows beside them:

- `build_nodes` of the ledger, some hundred rows with each build. Failures stay; of what succeeded, the builds
  of the last weeks, the last one of each month, and the newest outcome of each node. What a build did as a
  whole stays in `builds`.
- `test_failures` of the ledger: the rows of builds of the last weeks stay, and those of the newest outcome.
- the datasets of a rebuild that found a difference, left there to be looked at.

Prefect's own history of runs is let go by its server (flows/prefect_api.py).
"""

import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from google.cloud.bigquery import Client

from config.errors import MissingInWarehouseError, PermanentError
from config.settings import Settings
from operations import shadow_datasets
from warehouse.client import connect
from warehouse.lease import hold, interrupter
from warehouse.ledger import rebuilds, test_failures
from warehouse.ledger.tables import Row, layout, table_name
from warehouse.queries import execute, query
from warehouse.tables import ensure_table

logger = logging.getLogger(__name__)

RUNGS = ("daily", "weekly", "monthly", "yearly")
SIDE_DAYS = 30
NODE_DAYS = 35
SUCCEEDED = ("success", "pass")


@dataclass(frozen=True)
class Rung:
    """One rung of the ladder: how many days it keeps, and the oldest of them."""

    name: str
    days: int
    oldest: date | None


@dataclass(frozen=True)
class RetentionReport:
    """What was let go. `nodes_kept`: rows of `build_nodes`; `side`: prefix of the datasets dropped."""

    ladder: tuple[Rung, ...]
    nodes_deleted: int
    nodes_kept: int
    side: str | None

    @property
    def title(self) -> str:
        """One line."""
        side_text = f", {self.side}_* dropped" if self.side else ""
        return (
            f"retention: {self.nodes_deleted} nodes of old builds let go, {self.nodes_kept} kept{side_text}"
        )

    def as_markdown(self) -> str:
        """The ladder and what was let go, as Markdown."""
        rows = [f"| {rung.name} | {rung.days} | {rung.oldest or ''} |" for rung in self.ladder]
        return "\n".join(
            [f"# {self.title}", "", "| rung | days kept | oldest |", "| --- | --- | --- |", *rows]
        )


def retain(settings: Settings, *, now: datetime | None = None) -> RetentionReport:
    """Let go what has served its time, under the lease of the warehouse.

    Raises PermanentError before the first build, and when another run is at work.
    """
    client = connect(settings, "retention")
    with hold(client, settings, "retention", on_lost=interrupter()):
        ladder = _ladder(client, settings)
        at = now or datetime.now(UTC)
        deleted = _thin_nodes(client, settings, at - timedelta(days=NODE_DAYS))
        dropped = _drop_side(client, settings, at)
        kept = _ask(client, settings, f"select count(*) as n from {_nodes(settings)}")[0]["n"]
    report = RetentionReport(ladder, deleted, int(kept), dropped)
    logger.info("%s", report.title)
    return report


def _ladder(client: Client, settings: Settings) -> tuple[Rung, ...]:
    """The rungs as the last build has left them."""
    columns = ", ".join(
        f"countif(is_{rung}) as {rung}_days, min(if(is_{rung}, snapshot_date, null)) as {rung}_oldest"
        for rung in RUNGS
    )
    try:
        (row,) = _ask(client, settings, f"select {columns} from {_snapshots(settings)}")
    except MissingInWarehouseError as error:
        raise PermanentError(
            f"nothing is built yet, so there is no ladder to keep by: {error}. Run `wwi run`."
        ) from error
    return tuple(Rung(name, row[f"{name}_days"], row[f"{name}_oldest"]) for name in RUNGS)


def _thin_nodes(client: Client, settings: Settings, before: datetime) -> int:
    """Delete old outcomes and the rows that failed old tests; return how many outcomes.

    Old is what ended before then and is not the newest outcome, which `wwi status` shows. Of outcomes,
    failures stay, and what the last build of each month did.
    """
    month = "extract(year from finished_at) * 12 + extract(month from finished_at)"
    is_old = f"finished_at < timestamp '{before.astimezone(UTC):%Y-%m-%d %H:%M:%S}+00:00'"
    newest = f"""
        select concat(nodes.name, '|', nodes.invocation_id)
        from {_nodes(settings)} as nodes
        inner join {table_name(settings, "builds")} as builds
            on nodes.invocation_id = builds.invocation_id
        where nodes.status not in ('skipped', 'no-op')
        qualify row_number() over (
            partition by builds.dataset_prefix, nodes.kind, nodes.name order by nodes.finished_at desc
        ) = 1
    """
    ensure_table(client, layout(settings, test_failures.TABLE))
    execute(
        client,
        f"""
        delete from {table_name(settings, test_failures.TABLE)}
        where {is_old} and concat(test_name, '|', invocation_id) not in ({newest})
        """,
        timeout_s=settings.query_timeout_s,
    )
    return execute(
        client,
        f"""
        delete from {_nodes(settings)}
        where {is_old}
            and status in ({", ".join(f"'{status}'" for status in SUCCEEDED)})
            and concat(name, '|', invocation_id) not in ({newest})
            and invocation_id not in (
                select invocation_id
                from {table_name(settings, "builds")}
                where invocation_id is not null and finished_at is not null
                qualify row_number() over (partition by {month} order by finished_at desc) = 1
            )
        """,
        timeout_s=settings.query_timeout_s,
    )


def _drop_side(client: Client, settings: Settings, now: datetime) -> str | None:
    """Drop the datasets of a rebuild that ended long ago; return their prefix, None when there is nothing."""
    rebuild_id = shadow_datasets.made_by(client, settings)
    if rebuild_id is None or rebuilds.open_swap(client, settings) is not None:
        return None
    rows = _ask(
        client,
        settings,
        f"select max(coalesce(finished_at, started_at)) as ended_at "
        f"from {table_name(settings, 'rebuilds')} where rebuild_id = {rebuild_id}",
    )
    ended_at = rows[0]["ended_at"]
    if ended_at is None or now - ended_at < timedelta(days=SIDE_DAYS):
        return None
    shadow_datasets.drop(client, settings)
    return shadow_datasets.side_of(settings).dataset_prefix


def _ask(client: Client, settings: Settings, sql: str) -> list[Row]:
    return query(client, sql, timeout_s=settings.query_timeout_s)


def _nodes(settings: Settings) -> str:
    return table_name(settings, "build_nodes")


def _snapshots(settings: Settings) -> str:
    return f"`{settings.project}.{settings.dataset('business_vault')}.bv_snapshot`"
