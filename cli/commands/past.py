"""`wwi history`, `wwi asof`, `wwi functions`: query the past."""
# ruff: noqa: PLC0415 - commands import what they run, so that help stays quick

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.commands.ask import Format
from cli.pages.output import print_csv, print_json, progress

if TYPE_CHECKING:
    from audit.history.as_of import Models

ROWS = 1000
DIFFERENT_ROWS = 20

TIME_FORMATS = "a time (2026-05-31T18:00; UTC unless it has a zone), a date (end of that day) or batch:3"


def history(
    entity: Annotated[str, typer.Argument(help="The entity: customer, order, stock_item, ...")],
    key: Annotated[str, typer.Argument(help="Its key in the source.")],
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="T", help=f"Show the version loaded by then: {TIME_FORMATS}."),
    ] = None,
    personal: Annotated[
        bool,
        typer.Option("--personal", help="Show personal values; on BigQuery you need permission."),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Show all versions of one entity, or the version as of a time."""
    from audit.history.versions import history as read_history
    from cli.pages import past_pages
    from metadata.load import load_catalog

    found = read_history(options.settings(), load_catalog(), entity, key, as_of=as_of, personal=personal)
    if as_json:
        print_json({**dataclasses.asdict(found), "deleted": found.deleted})
    elif as_of is None:
        past_pages.show_history(found)
    else:
        past_pages.show_version(found)


def asof(  # noqa: PLR0913, PLR0917 - one parameter per option
    when: Annotated[str, typer.Argument(metavar="T", help=f"The time: {TIME_FORMATS}.")],
    table: Annotated[str, typer.Argument(metavar="TABLE", help="A mart: dim_customer, fct_sale, ...")],
    diff: Annotated[
        str | None, typer.Option("--diff", metavar="T2", help="Show what differs at this second time.")
    ] = None,
    columns: Annotated[str | None, typer.Option(help="Columns to show, comma-separated.")] = None,
    where: Annotated[
        str | None, typer.Option(help="SQL condition on the mart's columns: which rows to show.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="Output format.")] = Format.TABLE,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help="Maximum rows to print; 0: all. Default: 1000, with --diff 20."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Show a mart as of a time, computed from the vault, or what changed between two times."""
    from audit.history import past
    from audit.loaded import require_batches
    from cli.pages import past_pages

    if diff is not None and (columns is not None or form is Format.CSV):
        raise typer.BadParameter("--diff shows all columns, as a table or JSON: leave out --columns and csv")
    settings = options.settings()
    past.check_mart(table)
    require_batches(settings)
    marts = _definitions()
    wants_json = as_json or form is Format.JSON
    if diff is not None:
        rows = DIFFERENT_ROWS if limit is None else limit
        found = past.difference(settings, marts, table, when, diff, where=where, limit=rows)
        if wants_json:
            print_json(past_pages.difference_document(found))
        else:
            past_pages.show_difference(found)
        return
    rows = ROWS if limit is None else limit
    names = [name.strip() for name in columns.split(",")] if columns is not None else None
    answer = past.as_of(settings, marts, table, when, columns=names, where=where, limit=rows)
    if wants_json:
        print_json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
    elif form is Format.CSV:
        print_csv(answer.columns, answer.rows)
    else:
        past_pages.show_as_of(answer)
    if answer.has_more:
        typer.echo(f"the first {rows} rows; --limit 0 prints all", err=True)


def functions(
    table: Annotated[list[str] | None, typer.Argument(help="Marts; default: all.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the statements.")] = False,
) -> None:
    """Create the table functions <mart>_asof(as_of), for as-of queries in SQL."""
    from audit.history import past
    from audit.loaded import require_batches

    settings = options.settings()
    for name in table or ():
        past.check_mart(name)
    if not dry_run:
        require_batches(settings)
    marts = _definitions()
    if dry_run:
        for statement in past.function_statements(settings, marts, table):
            print(f"{statement};\n")
        return
    with progress():
        created = past.create_functions(settings, marts, table)
    print(f"{len(created)} table functions in {settings.dataset('marts')}: {', '.join(created)}.")


def _definitions() -> "Models":
    from operations.mart_definitions import definitions

    with progress():
        return definitions(options.settings())
