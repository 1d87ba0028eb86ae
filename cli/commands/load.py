"""`wwi ingest`, `build`, `rebuild`, `run`, `serve`, `demo`, `deps`: load and build data."""
# ruff: noqa: PLC0415 - commands import what they run, so that help stays quick

import dataclasses
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer

from cli import options
from cli.pages.output import print_json, progress

Full = Annotated[bool, typer.Option("--full", help="Read all rows, not only changed ones.")]
CompareKeys = Annotated[
    bool, typer.Option("--compare-keys", help="Read all keys of every table and compare them with raw.")
]
AllowShrink = Annotated[
    bool, typer.Option("--allow-shrink", help="Allow that a large part of a table was deleted in the source.")
]


def ingest(  # noqa: PLR0913, PLR0917 - one parameter per option
    table: Annotated[
        list[str] | None, typer.Option(help="Load only this table, e.g. sales.orders; can be repeated.")
    ] = None,
    full: Full = False,
    compare_keys: CompareKeys = False,
    first_day: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="Reload all rows of this business day."),
    ] = None,
    last_day: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="Reload up to this day; default: the --from day."),
    ] = None,
    allow_shrink: AllowShrink = False,
    as_json: options.AsJson = False,
) -> None:
    """Load what changed in Postgres since the last batch into raw, as one batch."""
    from cli.pages import batch_pages
    from ingestion.batch import run_batch
    from ingestion.run import choose_tables
    from metadata.load import load_catalog
    from operations.preflight import check_ready

    days = _days(first_day, last_day)
    settings, catalog = options.settings(), load_catalog()
    chosen = choose_tables(catalog, table)
    if days and not any(each.day for each in chosen):
        raise typer.BadParameter("--from needs a table with a business day, and none of these tables has one")
    with progress():
        check_ready(settings, catalog)
        report = run_batch(
            settings,
            catalog,
            tables=table,
            full=full,
            allow_shrink=allow_shrink,
            compare_keys=compare_keys,
            days=days,
        )
    print_json(report) if as_json else batch_pages.show_batch(report)


def _days(first: datetime | None, last: datetime | None) -> tuple[date, date] | None:
    """Return the first and last business day to reload; None without --from and --to."""
    if first is None:
        if last is not None:
            raise typer.BadParameter("--to needs --from")
        return None
    end = last or first
    if end < first:
        raise typer.BadParameter(f"--to {end:%Y-%m-%d} is before --from {first:%Y-%m-%d}")
    # in the easternmost time zone a day begins 14 hours before it does in UTC
    if first > (datetime.now(UTC) + timedelta(hours=14)).replace(tzinfo=None):
        raise typer.BadParameter(f"--from {first:%Y-%m-%d} is in the future: the source has no such day yet")
    return first.date(), end.date()


def build(  # noqa: PLR0913, PLR0917 - one per option
    select: Annotated[
        list[str] | None, typer.Option("--select", "-s", help="dbt selection, e.g. marts or +dim_city.")
    ] = None,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Recreate vault and marts from all rows in raw.")
    ] = False,
    whole: Annotated[
        bool,
        typer.Option("--all", help="Build every model, not only those affected by pending batches."),
    ] = False,
    unit_tests: Annotated[
        bool, typer.Option("--unit-tests", help="Also run the models' unit tests.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show how many bytes the build would read on BigQuery.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Build and test staging, vault and marts with dbt.

    If batches are pending and the last build of the same models succeeded, only models downstream of the
    changed tables are built.
    """
    from audit.loaded import require_batches
    from cli.pages import results
    from operations import refresh_functions
    from transform import dbt

    selected = " ".join(select or ()).split()
    if select and not selected:
        raise typer.BadParameter("--select is empty: name a model or a folder such as marts, or leave it out")
    if wrong := [each for each in selected if each.startswith("-")]:
        raise typer.BadParameter(f"--select takes models, not dbt options such as {wrong[0]}")
    if dry_run:
        _show_cost(selected, full_refresh=full_refresh, whole=whole, as_json=as_json)
        return
    settings = options.settings()
    require_batches(settings)
    with progress():
        report = dbt.build(
            settings,
            select=selected,
            full_refresh=full_refresh,
            unit_tests=unit_tests,
            full_selection=whole,
        )
        refresh_functions.refresh_outdated(settings)
    print_json(report) if as_json else results.show_build(report)


def _show_cost(select: list[str], *, full_refresh: bool, whole: bool, as_json: bool) -> None:
    from cli.pages import results
    from transform import dry_run

    with progress():
        cost = dry_run.dry_run(
            options.settings(), select=select, full_refresh=full_refresh, full_selection=whole
        )
    print_json(cost) if as_json else results.show_cost(cost)


def rebuild(
    no_swap: Annotated[
        bool, typer.Option("--no-swap", help="Only compare; do not change the live tables.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Swap even if tables differ, e.g. after a change of the hash rules."),
    ] = False,
    keep_side: Annotated[bool, typer.Option("--keep-side", help="Keep the shadow datasets.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Rebuild vault and marts from raw in shadow datasets, compare every table, swap if all are equal.

    Exit code 1 if a table differs and was not swapped.
    """
    from cli.pages import results
    from operations import rebuild as flow

    if no_swap and force:
        raise typer.BadParameter("--no-swap and --force cannot be used together")
    with progress():
        report = flow.rebuild(options.settings(), put_in_place=not no_swap, force=force, keep_side=keep_side)
    if as_json:
        print_json({**dataclasses.asdict(report), "different": len(report.different)})
    else:
        results.show_rebuild(report)
    if not report.matches_raw:
        raise typer.Exit(1)


def run(full: Full = False, allow_shrink: AllowShrink = False, as_json: options.AsJson = False) -> None:
    """Run the daily load: ingest, build, reconcile."""
    from cli.pages import batch_pages
    from flows.run import run_daily_load

    with progress():
        report = run_daily_load(options.settings(), full=full, allow_shrink=allow_shrink)
    print_json(dataclasses.asdict(report)) if as_json else batch_pages.show_daily(report)


def serve(
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port of the Prefect UI on this machine.")
    ] = 4200,
) -> None:
    """Run the deployments of prefect.yaml on their schedules until Ctrl-C."""
    from flows import serve as serving

    with progress():
        url = serving.register(options.settings(), port=port)
    print(f"serving the deployments of {serving.DEFINITION.name}; runs and schedules: {url}", flush=True)
    if serving.work():
        raise typer.Exit(1)


def demo(
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Delete the local source and warehouse first.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the local services running.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Simulate half a year of business and load it, then load two more days with changes.

    Run it again to continue with the next two days. The data is kept in WWI_HOME.
    """
    from cli.demo import run_demo
    from cli.pages import batch_pages
    from cli.service_in_use import check_not_in_use

    settings = options.settings()
    for service in ("source", "warehouse"):
        check_not_in_use(settings, service, force=not fresh)
    with progress():
        report = run_demo(settings, fresh=fresh, keep=keep)
    print_json(report) if as_json else batch_pages.show_demo(report)


def deps(
    again: Annotated[bool, typer.Option("--again", help="Install again, trying the dbt hub first.")] = False,
) -> None:
    """Install the dbt packages: from WWI_DBT_PACKAGES, the dbt hub, or vault/offline."""
    from transform.packages import VAULT_DIR, install, summary

    print(summary(install(VAULT_DIR, options.settings().dbt_packages, again=again), VAULT_DIR))
