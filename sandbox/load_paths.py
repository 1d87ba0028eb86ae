"""Give the emulator's engine paths that mean one file, whatever folder the file is in.

DuckDB takes `*`, `?` and `[` in a path for a pattern and `name=value` for a column, and the emulator refuses
quotes. A file whose path has other than plain characters is read through a link in the working folder.
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
    """Return a path of plain characters for each of the files; it is good while the block runs."""
    links: list[Path] = []
    try:
        yield [path if PLAIN.fullmatch(path) else _link(path, links) for path in paths]
    finally:
        for link in links:
            link.unlink(missing_ok=True)


def _link(path: str, links: list[Path]) -> str:
    FOLDER.mkdir(exist_ok=True)
    link = FOLDER / uuid.uuid4().hex  # never used twice: the engine may keep what it has read by name
    link.symlink_to(Path(path).absolute())
    links.append(link)
    return str(link)
