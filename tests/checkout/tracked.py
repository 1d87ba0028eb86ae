"""List the files of the checkout that git tracks."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# generated files in a copy without git; all are in .gitignore
MADE = {".venv", ".wwi", "__pycache__", "dbt_packages", "target", "logs", ".git", ".hypothesis"}


def tracked_files(root: Path = ROOT) -> list[Path]:
    """Return every tracked file, relative to `root`; without git, every file that is not generated."""
    if (root / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root,
            capture_output=True,
            check=True,
            timeout=60,
        )
        names = [Path(name) for name in listed.stdout.decode().split("\0") if name]
        return sorted(name for name in names if (root / name).is_file())
    return sorted(_walk(root))


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = [
            name for name in folders if name not in MADE and not name.endswith(("_cache", ".egg-info"))
        ]
        yield from (Path(folder, name).relative_to(root) for name in files if name != ".env")
