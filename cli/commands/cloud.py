"""`wwi bigquery ...`: set up the Google Cloud project."""
# ruff: noqa: PLC0415 - commands import what they run, so that help stays quick

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.pages.output import print_json, print_table, progress

if TYPE_CHECKING:
    from warehouse.setup.apply import SetupReport

app = typer.Typer(no_args_is_help=True, help="Set up the Google Cloud project of the bigquery target.")


@app.callback()
def bigquery() -> None:
    """Set up the Google Cloud project of the bigquery target."""


@app.command()
def setup(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would change.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Create what the platform needs in the project: APIs, accounts, roles, datasets, tables, policy tag.

    Run it again to fix what differs; the rest is left alone.
    """
    from metadata.load import load_catalog
    from warehouse.setup.apply import set_up
    from warehouse.setup.clients import connect

    settings = options.settings()
    clients = connect(settings)
    with progress():
        report = set_up(clients, settings, load_catalog(), dry_run=dry_run)
    if as_json:
        print_json({**dataclasses.asdict(report), "pending": len(report.pending)})
    else:
        _show(report)


def _show(report: "SetupReport") -> None:
    shown = report.steps if report.dry_run else [step for step in report.steps if step.action != "fine"]
    if shown:
        rows = [(step.action, step.kind, step.name, step.detail) for step in shown]
        print_table("", ["", "what", "name", "detail"], rows)
    verb = "to do" if report.dry_run else "done"
    fine = sum(step.action == "fine" for step in report.steps)
    print(f"{len(report.pending)} {verb}, {fine} fine" if report.pending else f"nothing to do, {fine} fine")
    if report.policy_tag and not report.policy_tag_is_set:
        print(
            "\nAdd this line to .env, so that loads and builds mask personal columns:\n"
            f"WWI_PERSONAL_POLICY_TAG={report.policy_tag}"
        )
