"""The command line `wwi`: parse the arguments, call one function, print its result.

Results go to stdout, progress to stderr. With --json, errors are printed on stdout too, as a JSON object.
Exit codes: 0 success, 1 an error or a difference, 2 a wrong command line, 130 stopped with Ctrl-C. Each
command imports its dependencies when it runs, so that `wwi --help` stays quick.
"""

import sys
from collections.abc import Sequence

import typer

from cli import json_errors
from cli.commands import ask, audit, cloud, erase, load, past, source, warehouse
from cli.failure import check_current_folder, describe_error, fail
from cli.streams import drop_output
from metadata.errors import WwiError

app = typer.Typer(
    name="wwi",
    help="Load Wide World Importers from Postgres into a Data Vault and star schemas on BigQuery.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(source.app, name="source")
app.add_typer(warehouse.app, name="warehouse")
app.add_typer(cloud.app, name="bigquery")
app.add_typer(audit.app, name="audit")
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
    """Run one command and exit with its code. `arguments`: by default those of this process."""
    try:
        check_current_folder()
        _run(list(sys.argv[1:] if arguments is None else arguments))
    except BrokenPipeError:  # `wwi status | head -1`: the reader closed the pipe
        drop_output()
        sys.exit(1)
    except WwiError as error:
        fail(str(error))
    except Exception as error:
        fail(describe_error(error))


def _run(arguments: Sequence[str]) -> None:
    try:
        if json_errors.wants_json(arguments):
            sys.exit(json_errors.run(app, arguments))
        app(args=list(arguments))
    except SystemExit:
        sys.stdout.flush()  # report a failed write here; Python would notice it only on exit
        raise
