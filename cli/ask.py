"""`wwi status`, `reconcile`, `cost`, `query`, `dashboard`, `docs`: questions to the warehouse."""
# ruff: noqa: PLC0415 - commands import what they run, so that help stays quick

import dataclasses
import enum
from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.pages.output import print_csv, print_json, print_table, progress


class Format(enum.StrEnum):
    """How `wwi query` prints rows."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def status(
    batches: Annotated[int, typer.Option(min=1, help="How many of the newest batches to show.")] = 10,
    as_json: options.AsJson = False,
) -> None:
    """Show the newest batches, what waits or was left over, and when each table last changed."""
    from audit.status import status as ask
    from cli.pages import results
    from metadata.load import load_catalog

    found = ask(options.settings(), load_catalog(), batches=batches)
    if as_json:
        print_json(dataclasses.asdict(found) | {"waiting": found.waiting, "open": found.open})
    else:
        results.show_status(found)


def reconcile(
    every: Annotated[bool, typer.Option("--all", help="List every total, not one line per table.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Compare row counts and control totals: source = raw = vault = marts. Exit code 1 when they differ."""
    from audit.reconcile import reconcile as ask
    from cli.pages import results
    from metadata.load import load_catalog
    from metadata.reconciliation import load_reconciliation

    settings, catalog = options.settings(), load_catalog()
    with progress():
        found = ask(settings, catalog, load_reconciliation(catalog))
    if as_json:
        print_json({**dataclasses.asdict(found), "differences": len(found.differences)})
    else:
        results.show_reconciliation(found, every=every)
    if found.differences:
        raise typer.Exit(1)


def trace(
    fact: Annotated[str, typer.Argument(help="The fact, e.g. fct_sale.")],
    key: Annotated[int | None, typer.Argument(help="Key of its row, the first column of the fact.")] = None,
    measure: Annotated[
        str | None, typer.Option(help="A figure: its formula with the values put in; the sum with --where.")
    ] = None,
    where: Annotated[
        str | None, typer.Option(help="Condition (SQL) on the fact: which rows the sum is made of.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Follow a figure of a fact to the vault's rows, the batch and the row of the source.

    Exit code 1 when mart, vault and raw do not agree on it.
    """
    from audit import trace as ask
    from audit.trace_total import made_of
    from cli.pages import trace_pages
    from metadata.load import load_catalog
    from metadata.reconciliation import load_reconciliation

    if (key is None) == (where is None) or (where is not None and measure is None):
        raise typer.BadParameter("give either KEY, or --where with --measure")
    settings, catalog = options.settings(), load_catalog()
    facts = load_reconciliation(catalog)
    if where is not None and measure is not None:
        made = made_of(settings, catalog, facts, fact, measure, where)
        print_json(made) if as_json else trace_pages.show_made(made)
        wrong = made.total != made.computed
    else:
        if measure is not None:
            ask.check_figure(catalog, ask.facts_named(facts, fact), measure)
        (found,) = ask.trace(settings, catalog, facts, fact, [key or 0])
        print_json(found) if as_json else trace_pages.show_trace(found, measure)
        wrong = bool(found.differs)
    if wrong:
        raise typer.Exit(1)


def cost(
    days: Annotated[
        int | None,
        typer.Option(min=1, help="Judge by so many days of history, not by those that are loaded."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what each model of a daily load is billed for, now and after ten times the days.

    Computed from the models' SQL and the sizes of the tables, on any warehouse. Exit code 1 when a model is
    over its budget in vault/cost_budget.yml.
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
    form: Annotated[Format, typer.Option("--format", help="How to print the rows.")] = Format.TABLE,
    limit: Annotated[int, typer.Option(min=0, help="Most rows to print; 0 is all.")] = 1000,
    as_json: options.AsJson = False,
) -> None:
    """Run one SELECT on the warehouse, e.g. `select count(*) from wwi_marts.fct_sale`. It changes nothing."""
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
        typer.echo(f"{limit} of {len(found.rows)} rows; --limit 0 prints all", err=True)


def dashboard(
    output: Annotated[
        Path | None,
        typer.Option(help="File to write; default: dashboard.html in WWI_HOME.", dir_okay=False),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Write the dashboard: one HTML page for any browser, with all its data, that needs no network."""
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
    """Write dbt's documents of the vault: one HTML page with models, lineage, columns and tests."""
    from audit.loaded import require_batches
    from transform.vault_docs import write_docs

    require_batches(options.settings())
    with progress():
        found = write_docs(options.settings(), output)
    print_json(found) if as_json else print(found.path)
