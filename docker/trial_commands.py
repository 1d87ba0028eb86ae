"""Docker's commands for trial.py, and the checks of what the trial needs."""

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
PROJECT = "wwi-trial"
OVERRIDE = FOLDER / "compose.override.yml"
TIMEOUT_S = 300
GUIDE = "docs/how_to/run_in_docker.md"


class TrialError(Exception):
    """What failed, why, and what to do."""


def call(
    arguments: list[str],
    *,
    timeout_s: float = TIMEOUT_S,
    environment: dict[str, str] | None = None,
    check: bool = True,
) -> str:
    """Run the command and return its output. Raises TrialError if it fails or takes too long."""
    command = " ".join(arguments[:12])
    try:
        done = subprocess.run(
            arguments, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise TrialError(f"`{command}` did not end within {timeout_s:.0f} s.") from error
    if check and done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines()[-40:]
        raise TrialError(f"`{command}` failed with code {done.returncode}:\n" + "\n".join(lines))
    return done.stdout if check else done.stdout + done.stderr


def docker(*arguments: str, check: bool = True, timeout_s: float = TIMEOUT_S) -> str:
    """Run a command of Docker itself."""
    return call(["docker", *arguments], check=check, timeout_s=timeout_s)


def image_id(name: str) -> str:
    """Return the ID of an image on this machine."""
    return docker("image", "inspect", "--format", "{{.Id}}", name).strip()


def compose_program() -> list[str]:
    """Return the command of Compose 2. Raises TrialError if Docker or Compose is missing."""
    if not shutil.which("docker"):
        raise TrialError("Docker is missing. Install it, or use `make start`, which does not need it.")
    try:
        docker("version", "--format", "{{.Server.Version}}", timeout_s=30)
    except TrialError as error:
        raise TrialError(f"no Docker engine answers. Start it, or check DOCKER_HOST.\n{error}") from error
    for program in (["docker", "compose"], ["docker-compose"]):
        try:
            version = call([*program, "version", "--short"], timeout_s=30).strip().removeprefix("v")
        except (TrialError, OSError):
            continue
        if int(version.split(".")[0]) >= 2:
            return program
    raise TrialError(
        "Compose 2 is missing. Install Docker's compose plugin; docker-compose 1 cannot read the file."
    )


class Compose:
    """Compose with the files of docker/ and a file of the trial, which sets image tags and labels."""

    def __init__(self, program: list[str], scratch: Path, environment: dict[str, str]) -> None:
        self.scratch = scratch
        self.environment = environment
        self._labels = scratch / "trial.json"
        files = [FOLDER / "compose.yml", *([OVERRIDE] if OVERRIDE.exists() else []), self._labels]
        self._program = [
            *program, "--project-name", PROJECT, "--project-directory", str(FOLDER),
            *(part for file in files for part in ("--file", str(file))),
        ]  # fmt: skip

    def __call__(self, *arguments: str, check: bool = True, timeout_s: float = TIMEOUT_S) -> str:
        """Run a command of Compose and return its output."""
        return call(
            [*self._program, *arguments], environment=self.environment, check=check, timeout_s=timeout_s
        )

    def succeeds(self, *arguments: str) -> bool:
        """Return whether the command ends with code 0."""
        try:
            self(*arguments)
        except TrialError:
            return False
        return True

    def label(self, value: str) -> None:
        """Give images built from now on this label, so that they differ, and tags of the trial."""
        self._labels.write_text("{}")
        services = self.config()["services"]
        own = {service["image"] for service in services.values() if "build" in service}
        services = {
            name: {
                "image": service["image"].partition(":")[0] + ":trial",
                **({"build": {"labels": {"wwi.trial": value}}} if "build" in service else {}),
            }
            for name, service in services.items()
            if service["image"] in own
        }
        self._labels.write_text(json.dumps({"services": services}))

    def config(self) -> dict[str, Any]:
        """Return the merged configuration."""
        merged: dict[str, Any] = json.loads(self("--profile", "tools", "config", "--format", "json"))
        return merged

    def own_images(self) -> tuple[str, str]:
        """Return the names of the production image and of the one with the local services."""
        services = self.config()["services"]
        return services["worker"]["image"], services["warehouse"]["image"]

    def inspect(self, service: str) -> dict[str, Any]:
        """Return Docker's description of the container of a service."""
        container = self("ps", "--all", "--quiet", service).strip()
        described: dict[str, Any] = json.loads(docker("inspect", container))[0]
        return described


def fail_without_base_images(config: dict[str, Any]) -> None:
    """Pull the base images that are missing. Raises TrialError if one cannot be pulled."""
    default = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", (FOLDER / "Dockerfile").read_text(), re.M)
    if default is None:
        raise TrialError("docker/Dockerfile has no line `ARG PYTHON_IMAGE=<image>`.")
    services = config["services"].values()
    builds = [service["build"] for service in services if "build" in service]
    own = {service["image"] for service in services if "build" in service}
    used = {service["image"] for service in services} - own
    bases = {(build.get("args") or {}).get("PYTHON_IMAGE") or default[1] for build in builds}
    for name in sorted(used | bases):
        try:
            image_id(name)
        except TrialError:
            _pull(name)


def _pull(name: str) -> None:
    print(f"pulling {name} ...", flush=True)
    try:
        docker("pull", "--quiet", name, timeout_s=900)
    except TrialError as error:
        raise TrialError(
            f"base image {name} is not on this machine and cannot be pulled. Connect to its registry, "
            f"or name another image in docker/compose.override.yml ({GUIDE} has an example).\n{error}"
        ) from error


def free_ports(names: Iterable[str]) -> dict[str, str]:
    """Return a free port of this machine for each variable."""
    with ExitStack() as opened:
        probes = {name: opened.enter_context(socket.socket()) for name in names}
        for probe in probes.values():
            probe.bind(("127.0.0.1", 0))
        return {name: str(probe.getsockname()[1]) for name, probe in probes.items()}
