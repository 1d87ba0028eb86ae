"""`wwi erase person`: erase one person's values from everything that the platform keeps."""
# ruff: noqa: PLC0415 - commands import what they run, so that help stays quick

from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.pages.output import print_json, print_table, progress

if TYPE_CHECKING:
    from operations.erasure.erase import ErasureReport

app = typer.Typer(help="Erase personal values from raw, vault, marts and staged files.", no_args_is_help=True)


@app.callback()
def erase() -> None:
    """Make typer treat `person` as a subcommand although it is the only one."""


@app.command()
def person(
    key: Annotated[int, typer.Argument(help="person_id in the source.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="Erase; without it, only show what would change.")
    ] = False,
    reason: Annotated[str | None, typer.Option(help="Reason, for the record; required with --yes.")] = None,
    by: Annotated[str | None, typer.Option(help="Who requested it; default: the current user.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Erase a person's personal values; keys and amounts are kept. Without --yes nothing is changed.

    Exit code 1 if the source still contains the values, or if one is left afterwards.
    """
    from audit.loaded import require_batches
    from metadata.load import load_catalog
    from operations.erasure.erase import erase as erase_person

    if yes and not reason:
        raise typer.BadParameter("--yes needs --reason TEXT, for the record")
    require_batches(options.settings())
    with progress():
        found = erase_person(options.settings(), load_catalog(), key, yes=yes, reason=reason or "", by=by)
    print_json(found) if as_json else _show(found)
    if found.at_source or (found.done and found.left):
        raise typer.Exit(1)


def _show(found: "ErasureReport") -> None:
    if found.occurrences:
        print_table(
            f"person {found.key}: values {'erased from' if found.done else 'found in'} raw",
            ("table", "column", "rows", "in current rows"),
            ((each.table, each.column, each.rows, len(each.newest)) for each in found.occurrences),
        )
    elif not found.done:
        print(f"person {found.key}: no values in raw.")
    searched = found.searched
    where = f"{searched.columns} text columns of {searched.tables} tables and {found.files} files"
    print(f"Searched {where} for {searched.values} values that only this person has.")
    for text in found.left:
        print(f"  {'still in' if found.done else 'found in'} {text}")
    if found.at_source:
        print("The source still contains the values. Erase them there first, then run `wwi run`:")
        for statement in found.at_source:
            print(f"  {statement}")
    elif found.done:
        print(f"Rebuilt from raw: {', '.join(found.models)}, business vault and marts.")
        print(f"Erasure {found.erasure_id} is recorded. " + ("" if found.left else "No value is left."))
    elif found.occurrences:
        print("Nothing was changed. Add `--yes --reason TEXT` to erase the values.")
