"""A Prefect API for the length of one command, or of `wwi serve`.

Prefect would start its own temporary server, but only when the first flow begins, importing its server
into this process too and registering the blocks of every integration first: twelve seconds on two cores.
Here the server is a process of its own that comes up while the caller imports its flows, and that ends
with the caller whatever happens to it. Run history stays in `<home>/prefect`; while `wwi serve` is at work
its server is taken, for a second one would write to the same file. `PREFECT_API_URL` in the environment names
a permanent server instead.
"""

import atexit
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import certifi

from config import loopback
from config.child_environment import import_prefect, set_prefect_variables
from config.local_services import free_port, read_address, remove_address, write_address
from config.private_files import keep_private
from config.settings import Settings
from flows.external_prefect import check_access, check_alive
from metadata.errors import WwiError

START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 10

NAME = "prefect"  # of the address file that `wwi serve` leaves

# No calls to Prefect's makers, nothing made at the start that we do not use.
PRIVATE = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
}
# None of the services that only a permanent server needs.
QUIET = PRIVATE | {
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_REPOSSESSOR_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_EVENTS_STREAM_OUT_ENABLED": "false",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    # the command line shows progress and errors itself, in a few lines
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
}
# A server of somebody else's: it keeps its own settings, and our steps show what they do.
EXTERNAL = PRIVATE | {"PREFECT_LOGGING_EXTRA_LOGGERS": "flows,ingestion,questions"}
# A server that stays: it lets runs and events go after a quarter, and its page shows what our steps log.
SERVING = EXTERNAL | {
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(90 * 24 * 3600),
}


def start_prefect_api(settings: Settings) -> Callable[[], None]:
    """Let the environment name a Prefect API until this process ends; call it before `prefect` is imported.

    Returns a function that waits until the API answers: call that after the imports, before the first
    flow. It raises WwiError when the API does not answer. Which variables of the environment count for
    Prefect is decided in config/child_environment.py.
    """
    folder = _folder(settings)
    if _external_url():
        _use_external(folder)
        return _no_wait
    if "prefect" in sys.modules:
        raise RuntimeError("prefect was imported before its settings were made: import flows.daily later")
    set_prefect_variables(QUIET | _own(folder))
    serving = read_address(settings.home, NAME)
    if serving is None:
        wait_until_ready = _start_own(folder)
    else:
        os.environ["PREFECT_API_URL"] = serving["url"]
        wait_until_ready = _no_wait
    import_prefect(folder)
    return wait_until_ready


def start_serving_api(settings: Settings, port: int) -> Callable[[], None]:
    """As `start_prefect_api`, for a process that serves deployments: with schedules and a page, at that port.

    Raises WwiError when the port is taken, or when such a process is at work for this home.
    """
    folder = _folder(settings)
    if _external_url():
        _use_external(folder)
        return _no_wait
    set_prefect_variables(SERVING | _own(folder))
    serving = read_address(settings.home, NAME)
    if serving is not None:
        raise WwiError(
            f"the deployments are served already, by process {serving['pid']} with {serving['url']}. "
            "End that one first, or name another home by WWI_HOME."
        )
    if free_port(port) != port:
        raise WwiError(
            f"port {port} on 127.0.0.1 is taken by another program. Stop that one, or choose another port: "
            f"`wwi serve --port {port + 1}`."
        )
    wait_until_ready = _start_own(folder, port)
    write_address(settings.home, NAME, os.getpid(), url=os.environ["PREFECT_API_URL"])
    atexit.register(remove_address, settings.home, NAME)
    import_prefect(folder)
    return wait_until_ready


def _external_url() -> bool:
    """Tell whether the environment names a Prefect API."""
    return bool(os.environ.get("PREFECT_API_URL", "").strip())


def _use_external(folder: Path) -> None:
    """Use the API that the environment names. Raises WwiError when it is dead or refuses us."""
    check_alive()
    set_prefect_variables(EXTERNAL | _state(folder))
    import_prefect(folder)
    check_access()


def _no_wait() -> None:
    """Wait for nothing: that server answers already."""


def _folder(settings: Settings) -> Path:
    """Return the folder of Prefect's state, made if it is missing."""
    keep_private(settings.home)
    folder = settings.home / "prefect"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _state(folder: Path) -> dict[str, str]:
    """Where Prefect keeps its state; a file of the current folder may name other profiles."""
    places = {"PREFECT_HOME": str(folder), "PREFECT_PROFILES_PATH": str(folder / "profiles.toml")}
    return places | loopback.no_proxy(os.environ)


def _own(folder: Path) -> dict[str, str]:
    """What only a server on loopback gets."""
    return _state(folder) | {"PREFECT_API_SSL_CERT_FILE": str(_one_certificate(folder))}


def _start_own(folder: Path, port: int = 0) -> Callable[[], None]:
    """Start a server on that port, 0: a free one, and name it in the environment."""
    server = _start(folder, port)
    # Prefect sends its last events when the process ends; registered before that, this runs after it
    atexit.register(_stop, server)
    url = f"http://127.0.0.1:{_port(server)}/api"
    os.environ["PREFECT_API_URL"] = url
    return lambda: _wait_until_ready(server, url)


def _one_certificate(home: Path) -> Path:
    """Write a file with a single certificate, for a server on loopback that speaks plain HTTP.

    Every task run makes two clients, and each reads all certificates the machine trusts: a quarter of the
    run's processor time.
    """
    end = "-----END CERTIFICATE-----"
    file = home / "certificate.pem"
    file.write_text(
        Path(certifi.where()).read_text(encoding="ascii", errors="ignore").split(end)[0] + end + "\n"
    )
    return file


def _start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Start the server, outside the terminal's process group: Ctrl-C is for the run, which then ends it."""
    return subprocess.Popen(
        # -P and the folder: no module and no settings file of the current folder
        [sys.executable, "-P", "-m", "flows.prefect_server", str(port)],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def _port(server: subprocess.Popen[bytes]) -> int:
    """Return the port that the server took; it says so before it imports anything slow."""
    assert server.stdout is not None
    line = server.stdout.readline()
    if not line.strip():
        raise WwiError("the temporary Prefect server did not start: its messages are above")
    return int(line)


def _wait_until_ready(server: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with loopback.open_url(f"{url}/health", START_TIMEOUT_S) as response:
                if response.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise WwiError(
        f"the temporary Prefect server did not answer within {START_TIMEOUT_S} s. Its messages are above; "
        "PREFECT_API_URL names another server."
    )


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Close the pipe that keeps the server alive, and wait until it is gone."""
    for pipe in (server.stdin, server.stdout):
        if pipe is not None:
            pipe.close()
    try:
        server.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait(STOP_TIMEOUT_S)
