"""Keep the files in WWI_HOME readable by their owner only: they contain source data and passwords."""

import os
from contextlib import suppress
from pathlib import Path

from config.errors import PermanentError

UMASK = 0o077
# what the platform writes to its home; the folder may also contain other files
OWN_ENTRIES = ("services", "source", "warehouse", "state", "dbt", "prefect", "*.lock", "*.html")


def keep_private(home: Path) -> None:
    """Make new files readable by their owner only, in this process and its children.

    Also restricts the platform's files that `home` already contains, and the folder itself if it contains
    nothing else. Raises PermanentError if the folder cannot be used as home.
    """
    check_writable(home)
    if "?" in str(home):
        raise PermanentError(
            f"the folder {home} cannot be used: databases read the text after a `?` in a path as options. "
            "Set WWI_HOME to a folder without `?` in its path."
        )
    os.umask(UMASK)
    with suppress(OSError):  # it does not exist yet, or belongs to another user
        entries = list(home.iterdir())
        ours = [path for path in entries if any(path.match(pattern) for pattern in OWN_ENTRIES)]
        if len(ours) == len(entries):
            _make_private(home)
        for path in ours:
            if _make_private(path) and path.is_dir():
                for below in path.rglob("*"):
                    _make_private(below)


def check_writable(home: Path) -> None:
    """Raise PermanentError if the folder is not writable or cannot be created."""
    existing = next(path for path in (home, *home.parents) if path.exists())
    if not existing.is_dir() or os.access(existing, os.W_OK | os.X_OK):
        return  # if it is a file, the system's own error says so
    is_read_only = os.statvfs(existing).f_flag & os.ST_RDONLY
    reason = "its file system is read-only" if is_read_only else "permission denied"
    raise PermanentError(f"cannot write to the folder {home}: {reason}. Set WWI_HOME to a writable folder.")


def _make_private(path: Path) -> bool:
    """Remove the permissions of group and others; return whether there were any."""
    mode = path.lstat().st_mode
    if path.is_symlink() or not mode & UMASK:
        return False
    path.chmod(mode & ~UMASK & 0o7777)
    return True
