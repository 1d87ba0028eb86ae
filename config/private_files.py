"""Keep everything under WWI_HOME readable by its owner only: it holds values of the source and passwords."""

import os
from contextlib import suppress
from pathlib import Path

from config.errors import PermanentError

UMASK = 0o077
# what the platform puts into its home; a home may also be a folder that somebody uses for other things
OURS = ("services", "source", "warehouse", "state", "dbt", "prefect", "*.lock", "*.html")


def keep_private(home: Path) -> None:
    """Create files for their owner only from now on, in this process and those that it starts.

    What is in `home` already, from an earlier version or made with other permissions, is closed, too; so is
    the folder itself if nothing else is in it. Raises PermanentError for a folder that cannot be a home.
    """
    check_writable(home)
    if "?" in str(home):
        raise PermanentError(
            f"the folder {home} cannot be used: databases take what follows a `?` in a path for options. "
            "Set WWI_HOME to a folder without `?` in its path."
        )
    os.umask(UMASK)
    with suppress(OSError):  # not there yet, or of another user: then it is not ours to close
        entries = list(home.iterdir())
        ours = [path for path in entries if any(path.match(pattern) for pattern in OURS)]
        if len(ours) == len(entries):
            _close(home)
        for path in ours:
            if _close(path) and path.is_dir():
                for below in path.rglob("*"):
                    _close(below)


def check_writable(home: Path) -> None:
    """Raise PermanentError when nothing can be written to the folder, or when it cannot be created."""
    existing = next(path for path in (home, *home.parents) if path.exists())
    if not existing.is_dir() or os.access(existing, os.W_OK | os.X_OK):
        return  # a file in place of a folder is named by the system's own error
    is_read_only = os.statvfs(existing).f_flag & os.ST_RDONLY
    reason = "its file system is read-only" if is_read_only else "permission denied"
    raise PermanentError(
        f"cannot write to the folder {home}: {reason}. Set WWI_HOME to a folder that can be written to."
    )


def _close(path: Path) -> bool:
    """Take the rights of all others; return whether they had any."""
    mode = path.lstat().st_mode
    if path.is_symlink() or not mode & UMASK:
        return False
    path.chmod(mode & ~UMASK & 0o7777)
    return True
