"""Start a Prefect API for one command, or for `wwi serve`.

Prefect's own temporary server starts only with the first flow, inside this process, and registers the blocks
of every integration: twelve seconds on two cores. Here the server is a separate process that starts while the
caller imports its flows, and ends with the caller. Run history is kept in `<home>/prefect`. While `wwi serve`
runs, its server is used, because two servers would write to the same file. If `PREFECT_API_URL` is set, that
server is used instead.
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

NAME = "prefect"  # of the address file that `wwi serve` writes

# No analytics, and no blocks registered that we do not use.
PRIVATE = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
}
# No services that only a permanent server needs.
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
# An external server keeps its own settings; our steps send it their logs.
EXTERNAL = PRIVATE | {
    "PREFECT_LOGGING_EXTRA_LOGGERS": "audit,dashboard,flows,ingestion,operations,transform,warehouse",
    # messages outside of a run, such as those of `wwi serve`, stay in this process
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}
# A permanent server deletes runs and events after 90 days; its UI shows the logs of our steps.
SERVING = EXTERNAL | {
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(90 * 24 * 3600),
}


def start_prefect_api(settings: Settings) -> Callable[[], None]:
    """Start or find a Prefect API and set the environment for it. Call this before importing `prefect`.

    Returns a function that waits until the API answers, or raises WwiError: call it after the imports and
    before the first flow. config/child_environment.py decides which environment variables Prefect gets.
    """
    folder = _folder(settings)
    if _external_url():
        _use_external(folder)
        return _no_wait
    if "prefect" in sys.modules:
        raise RuntimeError("prefect was imported before its settings were set: import flows.daily later")
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
    """Like `start_prefect_api`, for `wwi serve`: with schedules and the UI, on this port.

    Raises WwiError if the port is in use, or if another process serves the deployments of this home.
    """
    folder = _folder(settings)
    if _external_url():
        _use_external(folder)
        return _no_wait
    set_prefect_variables(SERVING | _own(folder))
    serving = read_address(settings.home, NAME)
    if serving is not None:
        raise WwiError(
            f"the deployments are already served by process {serving['pid']} at {serving['url']}. "
            "Stop that process first, or set WWI_HOME to another folder."
        )
    if free_port(port) != port:
        raise WwiError(
            f"port {port} on 127.0.0.1 is in use by another program. Stop that program, or choose another "
            f"port: `wwi serve --port {port + 1}`."
        )
    wait_until_ready = _start_own(folder, port)
    write_address(settings.home, NAME, os.getpid(), url=os.environ["PREFECT_API_URL"])
    atexit.register(remove_address, settings.home, NAME)
    import_prefect(folder)
    return wait_until_ready


def _external_url() -> bool:
    """Return whether PREFECT_API_URL is set."""
    return bool(os.environ.get("PREFECT_API_URL", "").strip())


def _use_external(folder: Path) -> None:
    """Use the API of PREFECT_API_URL. Raises WwiError if it does not answer or rejects us."""
    check_alive()
    set_prefect_variables(EXTERNAL | _state(folder))
    import_prefect(folder)
    check_access()


def _no_wait() -> None:
    """Do nothing: this server already answers."""


def _folder(settings: Settings) -> Path:
    """Return the folder of Prefect's state; create it if it is missing."""
    keep_private(settings.home)
    folder = settings.home / "prefect"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _state(folder: Path) -> dict[str, str]:
    """Return the variables that set where Prefect keeps its state, whatever the current folder contains."""
    places = {"PREFECT_HOME": str(folder), "PREFECT_PROFILES_PATH": str(folder / "profiles.toml")}
    return places | loopback.no_proxy(os.environ)


def _own(folder: Path) -> dict[str, str]:
    """Return the variables for a server on loopback."""
    return _state(folder) | {"PREFECT_API_SSL_CERT_FILE": str(_one_certificate(folder))}


def _start_own(folder: Path, port: int = 0) -> Callable[[], None]:
    """Start a server on this port (0: a free one) and set PREFECT_API_URL."""
    server = _start(folder, port)
    # registered before Prefect's exit handler, so it runs after Prefect has sent its last events
    atexit.register(_stop, server)
    url = f"http://127.0.0.1:{_port(server)}/api"
    os.environ["PREFECT_API_URL"] = url
    return lambda: _wait_until_ready(server, url)


def _one_certificate(home: Path) -> Path:
    """Write a file with a single certificate, enough for a loopback server that uses plain HTTP.

    Every task run creates two clients, and each would read all trusted certificates of the machine, which
    takes a quarter of the run's processor time.
    """
    end = "-----END CERTIFICATE-----"
    file = home / "certificate.pem"
    file.write_text(
        Path(certifi.where()).read_text(encoding="ascii", errors="ignore").split(end)[0] + end + "\n"
    )
    return file


def _start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Start the server in its own session: Ctrl-C goes to the run, which then stops the server."""
    return subprocess.Popen(
        # -P and cwd: use no module and no settings file of the current folder
        [sys.executable, "-P", "-m", "flows.prefect_server", str(port)],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def _port(server: subprocess.Popen[bytes]) -> int:
    """Return the port of the server; it prints the port before its slow imports."""
    assert server.stdout is not None
    line = server.stdout.readline()
    if not line.strip():
        raise WwiError("the temporary Prefect server did not start. Its messages are above.")
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
        f"the temporary Prefect server did not answer within {START_TIMEOUT_S} s. Its messages are above. "
        "Run again, or set PREFECT_API_URL to a server of your own."
    )


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Close the pipe that keeps the server alive, and wait until it has ended."""
    for pipe in (server.stdin, server.stdout):
        if pipe is not None:
            pipe.close()
    try:
        server.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait(STOP_TIMEOUT_S)
