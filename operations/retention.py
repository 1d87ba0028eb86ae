"""Delete expired operational records, monthly. History is never deleted.

Raw and vault keep every state, every build updates the snapshot schedule (`bv_snapshot`), and the records
behind the hash chain stay unchanged. These are deleted:

- `build_nodes` of the ledger, some hundred rows per build. Failures are kept; of successes, those of the last
  weeks, of the last build of each month, and the latest result of each node. `builds` keeps every build.
- `test_failures` of the ledger, except rows of the last weeks and of the latest result of each test.
- shadow datasets of a rebuild that found a difference, after 30 days.

Prefect's server deletes its own old runs (flows/prefect_api.py).
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
SHADOW_DAYS = 30
NODE_DAYS = 35
SUCCEEDED = ("success", "pass")


@dataclass(frozen=True)
class Rung:
    """One interval of the snapshot schedule: the number of snapshots kept, and the oldest."""

    name: str
    days: int
    oldest: date | None


@dataclass(frozen=True)
class RetentionReport:
    """What was deleted. `nodes_kept`: rows of `build_nodes`; `dropped_prefix`: of the dropped datasets."""

    ladder: tuple[Rung, ...]
    nodes_deleted: int
    nodes_kept: int
    dropped_prefix: str | None

    @property
    def title(self) -> str:
        """The result in one line."""
        side_text = f", {self.dropped_prefix}_* dropped" if self.dropped_prefix else ""
        return (
            f"retention: {self.nodes_deleted} nodes of old builds deleted, {self.nodes_kept} kept{side_text}"
        )

    def as_markdown(self) -> str:
        """Return the report as Markdown."""
        rows = [f"| {rung.name} | {rung.days} | {rung.oldest or ''} |" for rung in self.ladder]
        return "\n".join(
            [f"# {self.title}", "", "| snapshots | days kept | oldest |", "| --- | --- | --- |", *rows]
        )


def apply_retention(settings: Settings, *, now: datetime | None = None) -> RetentionReport:
    """Delete expired records, under the lease of the warehouse.

    Raises PermanentError before the first build, and if another run holds the lease.
    """
    client = connect(settings, "retention")
    with hold(client, settings, "retention", on_lost=interrupter()):
        ladder = _ladder(client, settings)
        at = now or datetime.now(UTC)
        deleted = _thin_nodes(client, settings, at - timedelta(days=NODE_DAYS))
        dropped = _drop_shadow_datasets(client, settings, at)
        kept = _ask(client, settings, f"select count(*) as n from {_nodes(settings)}")[0]["n"]
    report = RetentionReport(ladder, deleted, int(kept), dropped)
    logger.info("%s", report.title)
    return report


def _ladder(client: Client, settings: Settings) -> tuple[Rung, ...]:
    """Return the snapshot schedule of the last build."""
    columns = ", ".join(
        f"countif(is_{rung}) as {rung}_days, min(if(is_{rung}, snapshot_date, null)) as {rung}_oldest"
        for rung in RUNGS
    )
    try:
        (row,) = _ask(client, settings, f"select {columns} from {_snapshots(settings)}")
    except MissingInWarehouseError as error:
        raise PermanentError(
            f"cannot apply retention: nothing is built yet ({error}). Run `wwi run`."
        ) from error
    return tuple(Rung(name, row[f"{name}_days"], row[f"{name}_oldest"]) for name in RUNGS)


def _thin_nodes(client: Client, settings: Settings, before: datetime) -> int:
    """Delete old node results and failing rows; return the number of node results.

    A result is old if it ended before `before` and is not the latest of its node, which `wwi status` shows.
    Failures and the last build of each month are kept.
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


def _drop_shadow_datasets(client: Client, settings: Settings, now: datetime) -> str | None:
    """Drop the shadow datasets of a rebuild that ended long ago; return their prefix, if there are any."""
    rebuild_id = shadow_datasets.newest_rebuild_id(client, settings)
    if rebuild_id is None or rebuilds.open_swap(client, settings) is not None:
        return None
    rows = _ask(
        client,
        settings,
        f"select max(coalesce(finished_at, started_at)) as ended_at "
        f"from {table_name(settings, 'rebuilds')} where rebuild_id = {rebuild_id}",
    )
    ended_at = rows[0]["ended_at"]
    if ended_at is None or now - ended_at < timedelta(days=SHADOW_DAYS):
        return None
    shadow_datasets.drop(client, settings)
    return shadow_datasets.shadow_settings(settings).dataset_prefix


def _ask(client: Client, settings: Settings, sql: str) -> list[Row]:
    return query(client, sql, timeout_s=settings.query_timeout_s)


def _nodes(settings: Settings) -> str:
    return table_name(settings, "build_nodes")


def _snapshots(settings: Settings) -> str:
    return f"`{settings.project}.{settings.dataset('business_vault')}.bv_snapshot`"
