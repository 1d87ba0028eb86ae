"""The local warehouse: the BigQuery emulator `bqemulator`, with its data in `<home>/warehouse`."""

import os
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

from config import loopback
from config.local_services import (
    PORT_ATTEMPTS,
    Address,
    ServiceError,
    end_process,
    free_port,
    listens,
    read_address,
    remove_address,
    runs,
    wait_for_answer,
    wait_until,
    write_address,
)
from config.private_files import keep_private
from config.settings import Settings

NAME = "warehouse"
PROGRAM = "sandbox.emulator"
DEFAULT_REST_PORT = 9050
DEFAULT_GRPC_PORT = 9060
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30

# The emulator needs these DuckDB extensions; their wheels contain the binaries, so nothing is downloaded.
EXTENSIONS = ("spatial", "avro")


def up(settings: Settings, *, program: str = PROGRAM) -> Address:
    """Start the local warehouse unless it runs, and return its address (`url`, `project`, port, pid).

    `program`: the module to start. Raises ServiceError with the end of the emulator's log when it does not
    start.
    """
    running = read_address(settings.home, NAME)
    if running and wait_for_answer(
        running, lambda: answers(running["url"], running["project"]), "wwi warehouse down"
    ):
        return running
    keep_private(settings.home)
    install_extensions()
    folder = _folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "emulator.log"
    for _ in range(PORT_ATTEMPTS):
        rest_port, grpc_port = free_port(DEFAULT_REST_PORT), free_port(DEFAULT_GRPC_PORT)
        process = _start(settings, program, folder, log, ("--rest-port", rest_port, "--grpc-port", grpc_port))
        url = f"http://127.0.0.1:{rest_port}"
        if _wait_until_up(process, rest_port, url, settings.project):
            return write_address(
                settings.home,
                NAME,
                process.pid,
                port=rest_port,
                url=url,
                project=settings.project,
                data_dir=str(folder),
            )
        process.kill()
        process.wait(STOP_TIMEOUT_S)
        if free_port(rest_port) == rest_port and free_port(grpc_port) == grpc_port:
            break  # the ports are still free, so other ports would not help
    raise ServiceError(
        f"the local warehouse did not start in {folder}:\n{_tail(log)}\n"
        "Fix what the log names; `wwi warehouse reset` starts over with an empty warehouse."
    )


def down(settings: Settings) -> bool:
    """Stop the local warehouse and wait until it has written its data. Returns whether it was running."""
    running = read_address(settings.home, NAME)
    if not running:
        return False
    end_process(running, timeout_s=STOP_TIMEOUT_S)
    wait_until(lambda: not runs(running), alive=lambda: True, timeout_s=STOP_TIMEOUT_S)
    remove_address(settings.home, NAME)
    return True


def reset(settings: Settings) -> None:
    """Stop the local warehouse and delete its data."""
    down(settings)
    shutil.rmtree(_folder(settings), ignore_errors=True)


def answers(url: str, project: str) -> bool:
    """Return whether the emulator at `url` lists its datasets within five seconds."""
    try:
        with loopback.open_url(f"{url}/bigquery/v2/projects/{project}/datasets", timeout_s=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _start(
    settings: Settings, program: str, folder: Path, log: Path, ports: tuple[str | int, ...]
) -> subprocess.Popen[bytes]:
    with log.open("w") as out:
        return subprocess.Popen(
            [
                sys.executable, "-m", program, "start",
                "--persistent", "--data-dir", str(folder / "data"),
                *map(str, ports), "--project", settings.project,
                "--log-level", "warning",
            ],
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env=_environment(folder),
            start_new_session=True,  # Ctrl-C in the terminal must not interrupt a write
        )  # fmt: skip


def _wait_until_up(process: subprocess.Popen[bytes], port: int, url: str, project: str) -> bool:
    """Wait until this process answers; another warehouse on the same port does not count."""
    return wait_until(
        lambda: listens(process.pid, port) and answers(url, project),
        alive=lambda: process.poll() is None,
        timeout_s=START_TIMEOUT_S,
    )


def _folder(settings: Settings) -> Path:
    return (settings.home / "warehouse").resolve()


def _environment(folder: Path) -> dict[str, str]:
    uploads = folder / "uploads"
    uploads.mkdir(exist_ok=True)
    # ignore settings of another emulator
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("BQEMU_")}
    return {**inherited, "BQEMU_UPLOAD_STAGING_DIR": str(uploads)}


def install_extensions() -> None:
    """Install the wheels' DuckDB extensions unless they are installed."""
    import duckdb  # noqa: PLC0415 - half a second

    for name in EXTENSIONS:
        folder = resources.files(f"duckdb_extension_{name}") / "extensions" / f"v{duckdb.__version__}"
        # not import_extension of the wheels: it fails if the path has a quote
        path = str(folder / f"{name}.duckdb_extension").replace("'", "''")
        duckdb.execute(f"install '{path}'")


def _tail(log: Path, lines: int = 12) -> str:
    return "\n".join(log.read_text().splitlines()[-lines:]) if log.exists() else "(no log)"
