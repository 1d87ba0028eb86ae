"""Check a Dockerfile by our own rules, for machines without hadolint."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

VERSION = re.compile(r":[0-9]+\.[0-9]+(\.[0-9]+)?[\w.-]*$|@sha256:[0-9a-f]{64}$")
KNOWN = frozenset(
    [
        "ADD",
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "LABEL",
        "ONBUILD",
        "RUN",
        "SHELL",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
    ]
)
FETCHES = re.compile(r"\b(curl|wget)\b")
UNPINNED = re.compile(r"\bpip install (?!-)(?P<what>[\w-]+)(?!\S*==)(\s|$)")


@dataclass(frozen=True)
class Instruction:
    """One instruction with its continued lines joined."""

    line: int
    name: str
    rest: str


def instructions(text: str) -> tuple[Instruction, ...]:
    """Parse a Dockerfile."""
    found: list[Instruction] = []
    begun, parts = 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("#") or (not line.strip() and not parts):
            continue
        begun = begun if parts else number
        parts.append(line.strip().removesuffix("\\").strip())
        if not line.rstrip().endswith("\\"):
            name, _, rest = " ".join(parts).partition(" ")
            found.append(Instruction(begun, name.upper(), rest.strip()))
            parts = []
    return tuple(found)


def faults(text: str) -> list[str]:
    """Return the problems found, as `line: problem`."""
    read = instructions(text)
    return [f"{line}: {what}" for line, what in sorted({*_of_each(read), *_of_stages(read)})]


def _of_each(read: tuple[Instruction, ...]) -> Iterator[tuple[int, str]]:
    for each in read:
        if each.name not in KNOWN:
            yield each.line, f"{each.name} is not an instruction"
        if each.name == "ADD":
            yield each.line, "ADD downloads and unpacks unchecked files: use COPY"
        if each.name in {"CMD", "ENTRYPOINT"} and not each.rest.startswith("["):
            yield each.line, f"{each.name} in shell form, which does not pass signals to the program"
        if each.name == "WORKDIR" and not each.rest.startswith("/"):
            yield each.line, "WORKDIR is relative"
        if each.name in {"ENV", "ARG"} and re.search(r"password|secret|token", each.rest, re.IGNORECASE):
            yield each.line, "a secret would stay in the image"
        if each.name == "RUN":
            if FETCHES.search(each.rest):
                yield each.line, "downloads a file without version or checksum"
            if "apt-get install" in each.rest and "rm -rf /var/lib/apt/lists" not in each.rest:
                yield each.line, "leaves apt's package lists in the image"
            if UNPINNED.search(each.rest):
                yield each.line, "installs a package without its version"


def _of_stages(read: tuple[Instruction, ...]) -> Iterator[tuple[int, str]]:
    if not read or next(each for each in read if each.name != "ARG").name != "FROM":
        yield 1, "does not begin with FROM"
        return
    stages = [number for number, each in enumerate(read) if each.name == "FROM"]
    arguments = dict(each.rest.split("=", 1) for each in read if each.name == "ARG" and "=" in each.rest)
    named: set[str] = set()
    for number in stages:
        image, _, alias = read[number].rest.partition(" AS ")
        image = re.sub(r"\$\{(\w+)\}", lambda found: arguments.get(found[1], ""), image)
        if image not in named and not VERSION.search(image):
            yield read[number].line, f"{image} has no version"
        named.add(alias or str(len(named)))
    for each in read:
        source = re.search(r"--from=(\S+)", each.rest)
        if each.name == "COPY" and source and source[1] not in named:
            yield each.line, f"copies from {source[1]}, which is not a stage"
    last = _with_its_bases(read, stages)
    users = [each for each in last if each.name == "USER"]
    if not users or users[-1].rest.split(":")[0] in {"root", "0"}:
        yield read[stages[-1]].line, "the last stage runs as root"
    if not any(each.name == "HEALTHCHECK" for each in last):
        yield read[stages[-1]].line, "the last stage has no HEALTHCHECK"


def _with_its_bases(read: tuple[Instruction, ...], stages: list[int]) -> list[Instruction]:
    """Return the instructions of the last stage and of the stages that it is based on, in order."""
    bodies, aliases = {}, {}
    for number, end in zip(stages, [*stages[1:], len(read)], strict=True):
        image, _, alias = read[number].rest.partition(" AS ")
        bodies[alias], aliases[alias] = list(read[number:end]), image
    found, stage = list[Instruction](), alias
    while stage in bodies:
        found = [*bodies.pop(stage), *found]
        stage = aliases[stage]
    return found
