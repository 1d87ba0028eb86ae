"""Find the commands in the documents and check them."""

import itertools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
import typer.main

import cli
from config.settings import PROJECT_ROOT, Settings
from tests.checkout.tracked import tracked_files
from transform.packages import VAULT_DIR

SHELLS = {"console", "sh", "bash"}
BLOCK = re.compile(r"^(?P<indent> *)```(?P<kind>\w*)\n(?P<body>.*?)^ *```$", re.M | re.S)
INLINE = re.compile(r"(?<!`)`((?:\.venv/bin/)?(?:wwi|make) [^`]+)`(?!`)", re.S)
ASSIGNMENT = re.compile(r"^(?P<name>[A-Z][A-Z0-9_]*)=")
BIN = ".venv/bin/"
# other programs; their arguments are not checked
OTHERS = {
    "gcloud",
    "git",
    "holistics",
    "docker",
    "apt-get",
    "printf",
    "md5sum",
    "cp",
    "cd",
    "kill",
    "curl",
    "prefect",
}
# used by other programs or the tests
VARIABLES = {"WWI_DBT_PACKAGES", "WWI_HISTORY_ORDERS", "WWI_HISTORY_PAGE", "GOOGLE_APPLICATION_CREDENTIALS"}
GENERATED = ("docs/reference/",)  # generated from the commands


@dataclass(frozen=True)
class Command:
    """A command in a page. `is_whole`: a complete command in a block; otherwise mentioned in a sentence.

    `printed`: its output in the page, the lines up to the next prompt.
    """

    page: str
    line: int
    text: str
    is_whole: bool = True
    printed: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"

    @property
    def words(self) -> list[str]:
        """Return the words of the command, without comment and variable assignments."""
        words = shlex.split(self.text, comments=self.is_whole)
        while words and ASSIGNMENT.match(words[0]):
            words = words[1:]
        return words

    @property
    def wwi(self) -> list[str] | None:
        """Return the arguments of `wwi`; None for another program."""
        words = self.words
        return words[1:] if words and words[0].removeprefix(BIN) == "wwi" else None


def pages(root: Path = PROJECT_ROOT) -> list[Path]:
    """Return every page that is not generated, relative to `root`."""
    return [
        path
        for path in tracked_files(root)
        if path.suffix == ".md" and path.parts[0] != "vault" and not path.as_posix().startswith(GENERATED)
    ]


def commands(page: str, text: str) -> Iterator[Command]:
    """Return the commands of a page: first those in blocks, then those in sentences."""
    for block in BLOCK.finditer(text):
        if block["kind"] in SHELLS:
            first = text.count("\n", 0, block.start()) + 2
            yield from _of_block(page, first, block["kind"], block["body"])
    sentences = BLOCK.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    for found in INLINE.finditer(sentences):
        line = text.count("\n", 0, found.start()) + 1
        yield Command(page, line, " ".join(found[1].split()), is_whole=False)


def _of_block(page: str, first: int, kind: str, body: str) -> Iterator[Command]:
    """Return the lines after a prompt; in a shell block without prompts, all lines."""
    lines = body.splitlines()
    for number, line in enumerate(lines):
        stripped = line.strip()
        if kind == "console" and not stripped.startswith("$ "):
            continue
        if kind != "console" and (not stripped or stripped.startswith("#")):
            continue
        text, following = stripped.removeprefix("$ "), number
        while text.endswith("\\"):
            following += 1
            text = f"{text[:-1].rstrip()} {lines[following].strip()}"
        yield Command(page, first + number, text, printed=_printed(lines[following + 1 :]))


def _printed(lines: list[str]) -> str:
    shown = itertools.takewhile(lambda line: not line.strip().startswith("$ "), lines)
    return "".join(f"{line}\n" for line in shown)


def problems(command: Command) -> list[str]:
    """Return the problems of a command that can be found without running it."""
    try:
        all_words = shlex.split(command.text, comments=command.is_whole)
    except ValueError as error:
        return [str(error)]
    names = [found["name"] for word in all_words if (found := ASSIGNMENT.match(word))]
    known = {f"WWI_{name.upper()}" for name in Settings.model_fields} | VARIABLES
    wrong = [f"no setting {name}" for name in names if name.startswith("WWI_") and name not in known]
    match command.words:
        case [] | ["export", *_]:
            return wrong
        case [program, *rest]:
            return wrong + _of_program(program.removeprefix(BIN), rest, command)
    return wrong


def _of_program(program: str, rest: list[str], command: Command) -> list[str]:
    match program, rest:
        case "wwi", _:
            return _of_wwi(rest, is_whole=command.is_whole)
        case "make", _:
            return _of_make(rest)
        case (("python" | "python3"), ["-m", module, *paths]):
            return [*_places(module), *_missing(paths)]
        case "pytest", _:
            return _missing(rest)
        case "dbt", _:
            return [] if (VAULT_DIR / "dbt_project.yml").is_file() else ["no dbt project"]
        case _:
            return [] if program in OTHERS else [f"no program {program}"]


def _of_wwi(words: list[str], *, is_whole: bool) -> list[str]:
    """Parse the arguments of `wwi` with typer, without running it; a sentence may omit arguments."""
    command: Any = typer.main.get_command(cli.app)
    path = []
    while words and hasattr(command, "commands"):
        if words[0].startswith("-"):
            break
        name, *words = words
        path.append(name)
        if name not in command.commands:
            return [f"no command wwi {' '.join(path)}"]
        command = command.commands[name]
    if hasattr(command, "commands") or not is_whole:
        known = {option for each in command.params for option in each.opts} | {"--help"}
        options = [word.partition("=")[0] for word in words if word.startswith("-") and len(word) > 1]
        return [f"no option {word} of wwi {' '.join(path)}" for word in options if word not in {*known, "--"}]
    try:
        command.make_context(" ".join(path), list(words), resilient_parsing="--help" in words)
    except Exception as error:  # typer's click is private, and so are its error classes
        message = getattr(error, "format_message", error.__str__)
        return [f"wwi {' '.join(path)}: {message()}"]
    return []


def targets() -> set[str]:
    """Return the documented targets of the Makefile."""
    return set(re.findall(r"^([a-z-]+):.*## ", (PROJECT_ROOT / "Makefile").read_text(), re.M))


def _of_make(words: list[str]) -> list[str]:
    wrong = [f"no target {word}" for word in words if "=" not in word and word not in targets()]
    named = [word.partition("=")[2] for word in words if word.startswith("TESTS=")]
    return wrong + _missing(named)


def _places(module: str) -> list[str]:
    path = PROJECT_ROOT / module.replace(".", "/")
    return [] if path.is_dir() or path.with_suffix(".py").is_file() else [f"no module {module}"]


def _missing(paths: list[str]) -> list[str]:
    """Return missing files; `path::test` is a test."""
    named = [path.partition("::")[0] for path in paths if "/" in path and not path.startswith("-")]
    return [f"no file {path}" for path in named if not (PROJECT_ROOT / path).exists()]
