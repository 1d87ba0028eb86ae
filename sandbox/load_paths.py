"""Give the emulator's engine safe file paths, whatever characters the folder has.

DuckDB reads `*`, `?` and `[` in a path as a pattern and `name=value` as a partition column, and the emulator
rejects quotes. A file with such a path is read through a link in the working folder.
"""

import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PLAIN = re.compile(r"[\w./+-]*", re.ASCII)
FOLDER = Path("loads")


@contextmanager
def plain_paths(paths: Sequence[str]) -> Iterator[list[str]]:
    """Yield a path with plain characters for each file; it is valid while the block runs."""
    links: list[Path] = []
    try:
        yield [path if PLAIN.fullmatch(path) else _link(path, links) for path in paths]
    finally:
        for link in links:
            link.unlink(missing_ok=True)


def _link(path: str, links: list[Path]) -> str:
    FOLDER.mkdir(exist_ok=True)
    link = FOLDER / uuid.uuid4().hex  # never reused: the engine may cache a file by name
    link.symlink_to(Path(path).absolute())
    links.append(link)
    return str(link)
