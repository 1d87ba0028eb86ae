"""Print errors as JSON on stdout, for commands that print their result as JSON."""

import itertools
from collections.abc import Sequence
from typing import Any

import typer

# typer carries its own copy of click and exports only some of its errors
from typer._click.exceptions import ClickException, UsageError

from cli.failure import describe_error
from cli.pages.output import print_json
from config.errors import TransientError
from metadata.errors import WwiError

USAGE, FAILED = 2, 1


def wants_json(arguments: Sequence[str]) -> bool:
    """Return whether the command line asks for JSON, even if the rest of it is wrong."""
    options = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    if options[:2] == ["source", "psql"]:  # its options are those of psql
        return False
    pairs = itertools.pairwise(options)
    return "--json" in options or "--format=json" in options or ("--format", "json") in pairs


def run(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run the command, print its error as one JSON object if it fails, and return the exit code."""
    try:
        code = typer.main.get_command(app).main(list(arguments), standalone_mode=False)
    except WwiError as error:
        return _print(str(error), FAILED, is_transient=isinstance(error, TransientError))
    except ClickException as error:
        message = error.format_message()
        return _print(message, USAGE if isinstance(error, UsageError) else error.exit_code)
    except OSError:
        raise  # most likely stdout itself failed, so JSON cannot be printed either
    except Exception as error:
        return _print(describe_error(error), FAILED)
    return int(code or 0)


def _print(message: str, code: int, *, is_transient: bool = False) -> int:
    error: dict[str, Any] = {"message": message, "exit_code": code, "is_transient": is_transient}
    print_json({"error": error})
    return code
