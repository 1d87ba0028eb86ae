"""What the tests of the checkout's YAML files share: their published schemas, and mistakes to plant."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def schema_complaints(schema: str, files: Sequence[Path]) -> str:
    """What a schema, which the checker brings with it, has against the files; "" when it takes them."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return f"exit {done.returncode}:\n{done.stdout}{done.stderr}" if done.returncode else ""


def put(*path: str | int, value: Any) -> Callable[[dict[Any, Any]], None]:
    """Return a change that sets what lies at the path."""

    def change(document: dict[Any, Any]) -> None:
        *way, last = path
        place: Any = document
        for part in way:
            place = place[part]
        place[last] = value

    return change
