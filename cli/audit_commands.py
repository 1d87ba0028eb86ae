"""`wwi audit verify`: whether raw and the ledger are what they were when each batch was loaded."""
# ruff: noqa: PLC0415 - commands import what they run, so that help stays quick

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.pages.output import print_json, print_table, progress

if TYPE_CHECKING:
    from audit.verify import Verification

app = typer.Typer(help="What an auditor asks: is the record of every load untouched?", no_args_is_help=True)


@app.callback()
def audit() -> None:
    """Keep `verify` a command of its own, although it is the only one so far."""


@app.command()
def verify(
    head: Annotated[
        str | None, typer.Option(help="A hash noted earlier, which must still be in the chain.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Compute the content of every batch again from raw, and the chain of hashes from the ledger.

    Exit code 1 when a row of raw or of the ledger was changed, added or removed since it was loaded.
    """
    from audit.verify import verify as ask
    from metadata.load import load_catalog

    with progress():
        found = ask(options.settings(), load_catalog(), head=head)
    print_json(dataclasses.asdict(found)) if as_json else _show(found)
    if found.findings:
        raise typer.Exit(1)


def _show(found: "Verification") -> None:
    print(
        f"{found.batches} batches, {found.deliveries} deliveries, {found.rows} rows of raw: "
        + (f"{len(found.findings)} findings" if found.findings else "all as they were loaded")
    )
    if found.findings:
        print_table(
            "",
            ("batch", "table", "what"),
            ((each.batch_id, each.table, each.what) for each in found.findings),
        )
    for each in found.findings:
        for row in each.rows:
            print(f"batch {each.batch_id}, {each.table}, {row}")
    if found.erasures:
        print(f"{found.erasures} erasures have changed raw, each by a signed record.")
    if found.unchained:
        listed = ", ".join(map(str, found.unchained))
        print(f"Nothing vouches for batch {listed}, of a release without the chain.")
    if found.head:
        print(f"newest hash: {found.head}")
        print("Note it elsewhere: `wwi audit verify --head HASH` then tells when the end was cut off.")
