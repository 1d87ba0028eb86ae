"""`wwi erase person`: take one person's values out of everything that the platform keeps."""
# ruff: noqa: PLC0415 - commands import what they run, so that help stays quick

from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.pages.output import print_json, print_table, progress

if TYPE_CHECKING:
    from operations.erasure import ErasureReport

app = typer.Typer(help="Take personal values out of raw, vault, marts and spool.", no_args_is_help=True)


@app.callback()
def erase() -> None:
    """Keep `person` a command of its own, although it is the only one so far."""


@app.command()
def person(
    key: Annotated[int, typer.Argument(help="person_id of the source.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only show what would change.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why, for the record; needed with --yes.")] = None,
    by: Annotated[str | None, typer.Option(help="Who asks for it; by default the user who runs it.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Erase a person: personal values go, keys and figures stay. Without --yes nothing is changed.

    Exit code 1 when the source still holds the values, or when one is left afterwards.
    """
    from audit.loaded import require_batches
    from metadata.load import load_catalog
    from operations import erasure

    if yes and not reason:
        raise typer.BadParameter("--yes needs a --reason, for the record")
    require_batches(options.settings())
    with progress():
        found = erasure.erase(options.settings(), load_catalog(), key, yes=yes, reason=reason or "", by=by)
    print_json(found) if as_json else _show(found)
    if found.at_source or (found.done and found.left):
        raise typer.Exit(1)


def _show(found: "ErasureReport") -> None:
    if found.held:
        print_table(
            f"person {found.key}: raw {'held' if found.done else 'holds'} values in",
            ("table", "column", "rows", "newest rows too"),
            ((each.table, each.column, each.rows, len(each.newest)) for each in found.held),
        )
    elif not found.done:
        print(f"person {found.key}: raw holds no value.")
    looked = found.searched
    where = f"{looked.columns} text columns of {looked.tables} tables and {found.files} files"
    print(f"{looked.values} values that are this person's alone, looked for in {where}.")
    for text in found.left:
        print(f"  {'left in' if found.done else 'found in'} {text}")
    if found.at_source:
        print("The source holds them still. Erase them there first, then `wwi run`:")
        for statement in found.at_source:
            print(f"  {statement}")
    elif found.done:
        print(f"Made again of raw: {', '.join(found.models)}, business vault and marts.")
        print(f"Erasure {found.erasure_id} is recorded. " + ("" if found.left else "No value is left."))
    elif found.held:
        print("Nothing was changed. `--yes --reason TEXT` does it.")
