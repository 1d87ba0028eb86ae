"""Write docs/reference/commands.md: every command with its arguments and options, as in `--help`."""

import html
from collections.abc import Iterator
from typing import Any

import typer.main
from typer.cli import get_docs_for_click

import cli
from cli.reference import markdown

CODES = {
    "0": "success",
    "1": "an error (the message says what to do), or a difference was found",
    "2": "wrong command line",
    "130": "stopped with Ctrl-C",
}


def page() -> str:
    """Return the page."""
    return markdown.page("cli/", "Commands", _parts())


def commands() -> dict[str, Any]:
    """Return `source up` -> typer's command, groups before their commands, in the order of `wwi --help`."""
    return dict(_below(typer.main.get_command(cli.app), ""))


def _below(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, child in getattr(command, "commands", {}).items():
        yield f"{path}{name}", child
        yield from _below(child, f"{path}{name} ")


def _parts() -> Iterator[str]:
    yield (
        "Run `.venv/bin/wwi COMMAND`; `--help` shows the same. Results go to stdout, progress to stderr. "
        'With `--json`, for scripts, errors are printed on stdout too, as `{"error": {"message", '
        '"exit_code", "is_transient"}}`. '
        "Settings come from the environment: [settings](settings.md)."
    )
    yield markdown.table(("exit code", ""), CODES.items())
    yield markdown.table(
        ("command", "description"),
        (
            (f"[`wwi {path}`](#wwi-{path.replace(' ', '-')})", _summary(command))
            for path, command in commands().items()
            if not hasattr(command, "commands")
        ),
    )
    root = typer.main.get_command(cli.app)
    text = get_docs_for_click(obj=root, ctx=typer.Context(root, info_name="wwi"), name="wwi")
    # skip typer's own list of commands: the table above has it, without shortened descriptions
    yield "## " + html.unescape(text).partition("\n## ")[2].strip()


def _summary(command: Any) -> str:
    return str(command.help or "").partition("\n\n")[0]
