"""`wwi audit verify`: check that raw and the ledger are unchanged since each batch was loaded."""
# ruff: noqa: PLC0415 - commands import what they run, so that help stays quick

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.pages.output import print_json, print_table, progress

if TYPE_CHECKING:
    from audit.verification.verify import Verification

app = typer.Typer(help="Check the record of all loads for later changes.", no_args_is_help=True)


@app.callback()
def audit() -> None:
    """Make typer treat `verify` as a subcommand although it is the only one."""


@app.command()
def verify(
    head: Annotated[
        str | None, typer.Option(help="A batch hash noted earlier; it must still be in the chain.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Hash the rows of every batch in raw again and compare them with the hash chain in the ledger.

    Exit code 1 if a row of raw or of the ledger was changed, added or removed after it was loaded.
    """
    from audit.verification.verify import verify as verify_batches
    from metadata.load import load_catalog

    with progress():
        found = verify_batches(options.settings(), load_catalog(), head=head)
    print_json(dataclasses.asdict(found)) if as_json else _show(found)
    if found.findings:
        raise typer.Exit(1)


def _show(found: "Verification") -> None:
    print(
        f"{found.batches} batches, {found.deliveries} table loads, {found.rows} rows in raw: "
        + (f"{len(found.findings)} differences" if found.findings else "all unchanged since they were loaded")
    )
    if found.findings:
        print_table(
            "",
            ("batch", "table", "difference"),
            ((each.batch_id, each.table, each.what) for each in found.findings),
        )
    for each in found.findings:
        for row in each.rows:
            print(f"batch {each.batch_id}, {each.table}, {row}")
    if found.erasures:
        print(f"{found.erasures} erasures changed raw; each has a signed record.")
    if found.unchained:
        listed = ", ".join(map(str, found.unchained))
        print(f"Unverified: batch {listed}, loaded by a release without a hash chain.")
    if found.head:
        print(f"newest batch hash: {found.head}")
        print("Keep a copy elsewhere: `wwi audit verify --head HASH` then detects removed batches.")
