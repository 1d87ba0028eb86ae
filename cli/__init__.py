"""The command line `wwi`: parses, calls one function, prints what comes back.

Results go to stdout, progress to stderr; with --json an error is a JSON object on stdout, too. Exit
codes: 0 fine, 1 an error or a difference found, 2 a wrong command line, 130 stopped with Ctrl-C. Every
command imports what it needs when it runs, so that `wwi --help` stays quick.
"""

import sys
from collections.abc import Sequence

import typer

from cli import ask, audit_commands, cloud, erase, json_errors, load, past, source, warehouse
from cli.failure import check_current_folder, describe, fail
from cli.streams import drop_output
from metadata.errors import WwiError

app = typer.Typer(
    name="wwi",
    help="Wide World Importers: Postgres to a Data Vault on BigQuery, and a star for reports.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(source.app, name="source")
app.add_typer(warehouse.app, name="warehouse")
app.add_typer(cloud.app, name="bigquery")
app.add_typer(audit_commands.app, name="audit")
app.add_typer(erase.app, name="erase")
for command in (load.ingest, load.build, load.rebuild, load.run, load.serve, load.demo, load.deps):
    app.command()(command)
for question in (
    ask.status,
    ask.reconcile,
    ask.cost,
    ask.trace,
    ask.query,
    ask.dashboard,
    ask.docs,
    past.history,
    past.asof,
    past.functions,
):
    app.command()(question)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code; by default with the process's own arguments."""
    try:
        check_current_folder()
        _run(list(sys.argv[1:] if arguments is None else arguments))
    except BrokenPipeError:  # `wwi status | head -1`: the reader has all it wants
        drop_output()
        sys.exit(1)
    except WwiError as error:
        fail(str(error))
    except Exception as error:
        fail(describe(error))


def _run(arguments: Sequence[str]) -> None:
    try:
        if json_errors.wants_json(arguments):
            sys.exit(json_errors.run(app, arguments))
        app(args=list(arguments))
    except SystemExit:
        sys.stdout.flush()  # what cannot be written is an error of the command; Python sees it only on exit
        raise
