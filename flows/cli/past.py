"""`wwi history`: what was known, and when."""
# ruff: noqa: PLC0415 - commands import what they run, so that help stays quick

import dataclasses
from typing import Annotated

import typer

from flows.cli import options
from flows.cli.output import print_json

MOMENT = "a time (2026-05-31T18:00, UTC unless it has a zone), a day (its end), or batch:3"


def history(
    entity: Annotated[str, typer.Argument(help="What kind of thing: customer, order, stock_item, ...")],
    key: Annotated[str, typer.Argument(help="Its number in the source.")],
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="T", help=f"Only what was known then: {MOMENT}.")
    ] = None,
    personal: Annotated[
        bool,
        typer.Option("--personal", help="Show personal values; on BigQuery your login must be allowed to."),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Show every version of one thing, or the one that was known at a time."""
    from flows.cli import past_pages
    from metadata.load import load_catalog
    from questions.history import history as ask

    found = ask(options.settings(), load_catalog(), entity, key, as_of=as_of, personal=personal)
    if as_json:
        print_json({**dataclasses.asdict(found), "deleted": found.deleted})
    elif as_of is None:
        past_pages.show_history(found)
    else:
        past_pages.show_version(found)
