"""Read a PostgreSQL dump: its row counts and keys, and whether it is complete."""

import re
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from config.local_services import ServiceError
from sandbox.programs import binary, client_environment

LIST_TIMEOUT_S = 60
_NAME = r'(?:"(?:[^"]|"")*"|[^\s".(]+)'
COPY = re.compile(rf"COPY ({_NAME})\.({_NAME}) .*FROM stdin;\s*".encode())
END_OF_COPY = (b"\\.\n", b"\\.\r\n")
CONSTRAINT = re.compile(r"\d+; \d+ \d+ CONSTRAINT (\S+) (\S+) (\S+) \S+")
HINTS = {
    "text format dump": "Load a plain SQL file with psql: `wwi source psql -- --file FILE`.",
    "unsupported version": "It was made by a newer pg_dump; use pg_dump 18 or older.",
    "end of file": "The file is cut off; copy or make it again.",
    "could not find block": "The file is cut off; copy or make it again.",
    "Permission denied": "Make the file readable for this user.",
}
DEFAULT_HINT = "Make a dump with `pg_dump --format=custom`."


@dataclass(frozen=True)
class DumpContent:
    """The content of a dump: rows by (schema, table), and keys by (schema, table, name)."""

    rows: dict[tuple[str, str], int]
    keys: frozenset[tuple[str, str, str]]


def read_dump(dump: Path) -> DumpContent:
    """Read the dump to its end and return its content.

    Raises ServiceError when the file does not exist, is not a dump, or is incomplete or damaged. In a dump
    with INSERT statements no rows are counted.
    """
    if not (dump.is_file() or dump.is_dir()):
        raise ServiceError(f"{dump}: no such file. Give a dump made by `pg_dump --format=custom`.")
    return DumpContent(_rows(dump), _keys(dump))


def _keys(dump: Path) -> frozenset[tuple[str, str, str]]:
    try:
        listed = subprocess.run(
            [binary("pg_restore"), "--list", dump.absolute()],
            capture_output=True, text=True, errors="replace", env=client_environment(),
            timeout=LIST_TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ServiceError(f"{dump}: pg_restore did not list it within {LIST_TIMEOUT_S} s.") from error
    if listed.returncode != 0:
        raise unreadable_dump(dump, listed.stderr)
    return frozenset(
        (match[1], match[2], match[3]) for match in map(CONSTRAINT.match, listed.stdout.splitlines()) if match
    )


def _rows(dump: Path) -> dict[tuple[str, str], int]:
    """Count the rows of each table. pg_restore writes them as SQL, which reads every block of the file."""
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(
            [binary("pg_restore"), "--data-only", "--file=-", dump.absolute()],
            stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, env=client_environment(),
        ) as process:  # fmt: skip
            assert process.stdout is not None
            rows = _count(process.stdout)
        if process.returncode != 0:
            errors.seek(0)
            raise unreadable_dump(dump, errors.read().decode(errors="replace"))
    return rows


def _count(lines: IO[bytes]) -> dict[tuple[str, str], int]:
    rows: Counter[tuple[str, str]] = Counter()
    table = None
    for line in lines:
        if table is not None:
            if line in END_OF_COPY:
                table = None
            else:
                rows[table] += 1  # a line break within a value is written as \n
        elif match := COPY.fullmatch(line):
            table = _plain(match[1]), _plain(match[2])
            rows[table] += 0
    return dict(rows)


def _plain(name: bytes) -> str:
    text = name.decode()
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


def unreadable_dump(dump: Path, complaints: str) -> ServiceError:
    """Return the error for a file that pg_restore cannot read."""
    complaint = next(iter(complaints.strip().splitlines()), "no message")
    hint = next((hint for words, hint in HINTS.items() if words in complaints), DEFAULT_HINT)
    return ServiceError(
        f"{dump}: pg_restore cannot read it ({complaint}). The present source was left as it is. {hint}"
    )
