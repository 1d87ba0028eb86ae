"""Helpers for tests of YAML files: check their schemas and inject errors."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def schema_complaints(schema: str, files: Sequence[Path]) -> str:
    """Return the errors that a built-in schema of check-jsonschema finds in the files; "" if none."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return f"exit {done.returncode}:\n{done.stdout}{done.stderr}" if done.returncode else ""


def put(*path: str | int, value: Any) -> Callable[[dict[Any, Any]], None]:
    """Return a function that sets the value at this path of a document."""

    def change(document: dict[Any, Any]) -> None:
        *way, last = path
        place: Any = document
        for part in way:
            place = place[part]
        place[last] = value

    return change
