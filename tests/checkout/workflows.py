"""Check a GitHub workflow by our own rules, in addition to GitHub's schema."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Workflow = dict[Any, Any]

LOGIN = "google-github-actions/auth@"
MAKE = re.compile(r"\bmake (?P<targets>[a-z][a-z -]*)")
MODULE = re.compile(r"\bpython -m (?P<module>[\w.]+)")
BINARY = re.compile(r"(?:\.\./)*\.venv/bin/(?P<name>[\w-]+)")
FOLDER = re.compile(r"\bcd (?P<path>[\w./-]+)")
TESTS = re.compile(r"\bTESTS=(?P<path>[\w./-]+)")
PRINTING = re.compile(r"\b(echo|printf|cat|tee|env|printenv|set -x|set -o xtrace)\b")


def faults(workflow: Workflow, root: Path) -> list[str]:
    """Return the problems found; `root` is the checkout with the targets and files that steps use."""
    found = list(_of_workflow(workflow))
    for name, job in workflow["jobs"].items():
        found += [f"{name}: {fault}" for fault in _of_job(job)]
        secret = _secret_variables(workflow, job)
        for number, step in enumerate(job["steps"], start=1):
            found += [f"{name}, step {number}: {fault}" for fault in _of_step(step, secret, root)]
    return found


def triggers(workflow: Workflow) -> dict[str, Any]:
    """Return the events; YAML reads the key `on` as true."""
    events: dict[str, Any] = workflow.get("on", workflow.get(True))
    return events


def _of_workflow(workflow: Workflow) -> Iterator[str]:
    if "permissions" not in workflow:
        yield "no permissions, so the repository's default applies"
    elif not _only(workflow["permissions"], {"contents": "read"}):
        yield f"permissions for every job: {workflow['permissions']}"
    if "concurrency" not in workflow:
        yield "no concurrency group"
    if "pull_request_target" in triggers(workflow):
        yield "pull_request_target gives secrets to untrusted code"
    if "pull_request" in triggers(workflow) and "secrets." in str(workflow["jobs"]):
        yield "secrets in a workflow that runs on pull requests"


def _of_job(job: Workflow) -> Iterator[str]:
    if "timeout-minutes" not in job:
        yield "no timeout-minutes"
    logs_in = any(str(step.get("uses", "")).startswith(LOGIN) for step in job["steps"])
    allowed = {"contents": "read"} | ({"id-token": "write"} if logs_in else {})
    if not _only(job.get("permissions", {}), allowed):
        yield f"permissions it does not need: {job['permissions']}"
    if logs_in and job["permissions"].get("id-token") != "write":
        yield "cannot log in without id-token: write"


def _of_step(step: Workflow, secret: set[str], root: Path) -> Iterator[str]:
    if str(step.get("uses", "")).startswith(LOGIN) and "credentials_json" in step.get("with", {}):
        yield "a key instead of workload identity"
    if "uses" in step and not re.search(r"@(v\d+(\.\d+\.\d+)?|[0-9a-f]{40})$", step["uses"]):
        yield f"{step['uses']} has no version"
    script = step.get("run", "")
    if "${{" in script:
        yield "an expression in a script: pass it as a variable"
    if re.search(r"\bset -\w*x|xtrace", script):
        yield "prints every command with its values"
    for line in script.splitlines():
        used = [name for name in sorted(secret) if re.search(rf"\$\{{?{name}\b", line)]
        if used and PRINTING.search(line):
            yield f"prints {', '.join(used)}"
    yield from _missing(script, root)


def _missing(script: str, root: Path) -> Iterator[str]:
    """Return what the script uses and the checkout does not have."""
    known = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(), re.M))
    for hit in MAKE.finditer(script):
        yield from (f"no target {name}" for name in hit["targets"].split() if name not in known)
    for hit in MODULE.finditer(script):
        path = root / hit["module"].replace(".", "/")
        if not (path.with_suffix(".py").exists() or (path / "__main__.py").exists()):
            yield f"no module {hit['module']}"
    for hit in BINARY.finditer(script):
        if not (root / ".venv" / "bin" / hit["name"]).exists():
            yield f"no command {hit['name']}"
    for pattern in (FOLDER, TESTS):
        yield from (
            f"no {hit['path']}" for hit in pattern.finditer(script) if not (root / hit["path"]).exists()
        )


def _secret_variables(workflow: Workflow, job: Workflow) -> set[str]:
    places = [workflow, job, *job["steps"]]
    return {
        name
        for place in places
        for name, value in place.get("env", {}).items()
        if "secrets." in str(value) or "github.token" in str(value)
    }


def _only(permissions: Any, allowed: dict[str, str]) -> bool:
    return isinstance(permissions, dict) and permissions.items() <= allowed.items()
