"""`wwi serve`: register the deployments of prefect.yaml and execute their runs until it is stopped.

Both steps are Prefect's own commands. With `PREFECT_API_URL`, this is a worker for that server.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from types import FrameType

from config.settings import PROJECT_ROOT, Settings
from flows.prefect_api import start_serving_api
from metadata.errors import WwiError
from metadata.load import load_catalog
from operations.preflight import empty_source

logger = logging.getLogger(__name__)

DEFINITION = PROJECT_ROOT / "prefect.yaml"
POOL = "wwi"
USUAL_PORT = 4200
DEPLOY_TIMEOUT_S = 300
# time for the current run to cancel its statements and release its lease
STOP_TIMEOUT_S = 60


def register(settings: Settings, *, port: int = USUAL_PORT) -> str:
    """Register the deployments, starting a Prefect server if needed; return the URL of its UI.

    Raises WwiError if the server does not start or rejects prefect.yaml.
    """
    wait_until_ready = start_serving_api(settings, port)
    logger.info("waiting for Prefect ...")
    wait_until_ready()
    logger.info("registering the deployments of %s ...", DEFINITION.name)
    _make_pool()
    _deploy()
    if empty := empty_source(settings, load_catalog()):
        logger.warning("%s Until then each scheduled load is skipped.", empty)
    return os.environ.get("PREFECT_UI_URL") or os.environ["PREFECT_API_URL"].removesuffix("/api")


def _make_pool() -> None:
    """Create the work pool for one run at a time, and mark runs of a killed worker as crashed."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - after Prefect's settings were set
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate  # noqa: PLC0415
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415

    from flows.orphaned_runs import fail_orphaned_runs  # noqa: PLC0415

    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(POOL)
            client.update_work_pool(POOL, WorkPoolUpdate(concurrency_limit=1))
        except ObjectNotFound:
            pool = WorkPoolCreate(name=POOL, type="process", concurrency_limit=1)
            client.create_work_pool(pool)
        fail_orphaned_runs(client, POOL, socket.gethostname())


def _deploy() -> None:
    try:
        done = subprocess.run(
            [
                sys.executable, "-m", "prefect", "--no-prompt",
                "deploy", "--all", "--prefect-file", str(DEFINITION),
            ],
            cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=DEPLOY_TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise WwiError(
            f"registering the deployments timed out after {DEPLOY_TIMEOUT_S} s. Check the load of the "
            "Prefect server, then run again."
        ) from error
    if done.returncode:
        raise WwiError(f"Prefect rejected {DEFINITION.name}:\n{(done.stdout + done.stderr).strip()}")


def work() -> int:
    """Execute runs until Ctrl-C or SIGTERM, then stop the current run; return an exit code."""
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    # before the worker starts: a background script ignores SIGINT, and the worker would inherit that
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, stop)
    worker = subprocess.Popen(
        [
            sys.executable, "-m", "prefect", "--no-prompt",
            "worker", "start", "--pool", POOL, "--type", "process", "--limit", "1",
            "--name", socket.gethostname(),
        ],
        cwd=PROJECT_ROOT,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C goes to this process, which then stops the worker
    )  # fmt: skip
    while worker.poll() is None and not stopping.wait(0.2):
        pass
    if not stopping.is_set():
        return worker.wait()
    worker.terminate()
    try:
        worker.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
    return 0
