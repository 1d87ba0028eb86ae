"""`wwi status`, `reconcile`, `trace`, `cost`, `query`, `dashboard`, `docs`: read the warehouse."""
# ruff: noqa: PLC0415 - commands import what they run, so that help stays quick

import dataclasses
import enum
from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.pages.output import print_csv, print_json, print_table, progress


class Format(enum.StrEnum):
    """The output formats of `wwi query` and `wwi asof`."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def status(
    batches: Annotated[int, typer.Option(min=1, help="Number of batches to show, newest first.")] = 10,
    as_json: options.AsJson = False,
) -> None:
    """Show the newest batches and builds, pending or unfinished batches, and each table's last change."""
    from audit.status import status as read_status
    from cli.pages import results
    from metadata.load import load_catalog

    found = read_status(options.settings(), load_catalog(), batches=batches)
    if as_json:
        print_json(dataclasses.asdict(found) | {"waiting": found.pending, "open": found.open})
    else:
        results.show_status(found)


def reconcile(
    every: Annotated[
        bool, typer.Option("--all", help="List every total instead of one line per table.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Compare row counts and control totals of source, raw, vault and marts. Exit code 1 if they differ."""
    from audit.reconciliation.reconcile import reconcile as compare_totals
    from cli.pages import results
    from metadata.load import load_catalog
    from metadata.reconciliation import load_reconciliation

    settings, catalog = options.settings(), load_catalog()
    with progress():
        found = compare_totals(settings, catalog, load_reconciliation(catalog))
    if as_json:
        print_json({**dataclasses.asdict(found), "differences": len(found.differences)})
    else:
        results.show_reconciliation(found, every=every)
    if found.differences:
        raise typer.Exit(1)


def trace(
    fact: Annotated[str, typer.Argument(help="The fact, e.g. fct_sale.")],
    key: Annotated[int | None, typer.Argument(help="Key of the row: first column of the fact.")] = None,
    measure: Annotated[
        str | None, typer.Option(help="Measure to explain: its formula with values; with --where, its sum.")
    ] = None,
    where: Annotated[
        str | None, typer.Option(help="SQL condition on the fact: which rows to sum. Needs --measure.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Trace a row or a measure of a fact back to the vault rows, the batch and the source row.

    Exit code 1 if mart, vault and raw do not agree.
    """
    from audit.tracing import trace as ask
    from audit.tracing.total import explain_total
    from cli.pages import trace_pages
    from metadata.load import load_catalog
    from metadata.reconciliation import load_reconciliation

    if (key is None) == (where is None) or (where is not None and measure is None):
        raise typer.BadParameter("give either KEY, or --where with --measure")
    settings, catalog = options.settings(), load_catalog()
    facts = load_reconciliation(catalog)
    if where is not None and measure is not None:
        made = explain_total(settings, catalog, facts, fact, measure, where)
        print_json(made) if as_json else trace_pages.show_breakdown(made)
        wrong = made.total != made.computed
    else:
        if measure is not None:
            ask.check_figure(catalog, ask.facts_by_name(facts, fact), measure)
        (found,) = ask.trace(settings, catalog, facts, fact, [key or 0])
        print_json(found) if as_json else trace_pages.show_trace(found, measure)
        wrong = bool(found.differs)
    if wrong:
        raise typer.Exit(1)


def cost(
    days: Annotated[
        int | None,
        typer.Option(min=1, help="Estimate for this many days of history; default: the days loaded so far."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Estimate the bytes billed for each model of a daily load, now and with ten times the history.

    Computed from the models' SQL and the table sizes, on any warehouse. Exit code 1 if a model exceeds its
    budget in vault/cost_budget.yml.
    """
    from audit.loaded import require_batches
    from cli.pages import results
    from operations.cost.report import daily_bytes

    settings = options.settings()
    require_batches(settings)
    with progress():
        found = daily_bytes(settings, days=days)
    if as_json:
        print_json([dataclasses.asdict(each) | {"growth": each.growth} for each in found])
    else:
        results.show_daily_bytes(found)
    if any(each.is_over for each in found):
        raise typer.Exit(1)


def query(
    sql: Annotated[str, typer.Argument(help="One SELECT in GoogleSQL; `-` reads it from stdin.")],
    form: Annotated[Format, typer.Option("--format", help="Output format.")] = Format.TABLE,
    limit: Annotated[int, typer.Option(min=0, help="Maximum rows to print; 0: all.")] = 1000,
    as_json: options.AsJson = False,
) -> None:
    """Run one SELECT on the warehouse, e.g. `select count(*) from wwi_marts.fct_sale`. Read-only."""
    from audit.query import ask

    settings = options.settings()
    text = typer.get_text_stream("stdin").read() if sql == "-" else sql
    found = ask(settings, text)
    shown = found.first(limit) if limit else found
    if as_json or form is Format.JSON:
        print_json([dict(zip(shown.columns, row, strict=True)) for row in shown.rows])
    elif form is Format.CSV:
        print_csv(shown.columns, shown.rows)
    else:
        print_table("", shown.columns, shown.rows)
    if len(shown.rows) < len(found.rows):
        typer.echo(f"{limit} of {len(found.rows)} rows shown; use --limit 0 to print all", err=True)


def dashboard(
    output: Annotated[
        Path | None,
        typer.Option(help="File to write; default: dashboard.html in WWI_HOME.", dir_okay=False),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Write the dashboard: one HTML page that contains its data and needs no network."""
    from audit.loaded import require_batches
    from dashboard.write import write_dashboard
    from metadata.load import load_catalog

    require_batches(options.settings())
    with progress():
        found = write_dashboard(options.settings(), load_catalog(), output)
    print_json(found) if as_json else print(found.path)


def docs(
    output: Annotated[
        Path | None,
        typer.Option(help="File to write; default: vault_docs.html in WWI_HOME.", dir_okay=False),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Write dbt's documentation of the vault: one HTML page with models, lineage, columns and tests."""
    from audit.loaded import require_batches
    from transform.vault_docs import write_docs

    require_batches(options.settings())
    with progress():
        found = write_docs(options.settings(), output)
    print_json(found) if as_json else print(found.path)
