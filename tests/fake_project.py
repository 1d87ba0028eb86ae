"""`python -m tests.fake_project PYTEST-ARGUMENTS`: run tests against a fake BigQuery project.

The settings are WWI_TARGET=bigquery and an endpoint on loopback, so the code path is that of a real project:
Application Default Credentials (workload identity as in a GitHub workflow, with a token service), uploaded
load jobs, locations and temporary datasets. REAL_PROJECT_ONLY lists the tests that the emulator cannot pass.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs

from config.settings import Settings
from sandbox import warehouse

PROJECT = "fake-project"
LOCATION = "EU"
IDENTITY = "the identity token of a workflow"

REAL_PROJECT_ONLY = {
    "an upload fills columns by position": (
        "tests/ingestion/test_round_trip.py::test_a_column_new_in_the_metadata_is_added_to_raw_and_filled"
    ),
    "a mart's contract is DDL that the emulator cannot parse": "tests/flows/test_main_line.py",
}


@dataclass
class FakeProject:
    """A fake project: its environment variables, and the requests to its token service."""

    environment: dict[str, str]
    token_requests: list[dict[str, list[str]]] = field(default_factory=list)


@contextmanager
def fake_project() -> Iterator[FakeProject]:
    """Run a separate emulator and a token service within the block."""
    with TemporaryDirectory(prefix="wwi-fake-project-", ignore_cleanup_errors=True) as folder:
        local = Settings(home=Path(folder), target="local", _env_file=None)
        made = FakeProject({})
        tokens = _token_service(made)
        try:
            address = warehouse.up(local)
            credentials = _workload_identity(Path(folder), f"http://127.0.0.1:{tokens.server_port}/token")
            made.environment.update(
                WWI_TARGET="bigquery",
                WWI_PERSONAL_POLICY_TAG="none",
                WWI_BIGQUERY_PROJECT=PROJECT,
                GOOGLE_CLOUD_PROJECT=PROJECT,
                WWI_BIGQUERY_LOCATION=LOCATION,
                WWI_BIGQUERY_ENDPOINT=address["url"],
                GOOGLE_APPLICATION_CREDENTIALS=str(credentials),
            )
            yield made
        finally:
            warehouse.down(local)
            tokens.shutdown()
            tokens.server_close()


def _workload_identity(folder: Path, token_url: str) -> Path:
    """Write a credentials file like google-github-actions/auth does, for a token service on loopback."""
    identity = folder / "identity.txt"
    identity.write_text(IDENTITY)
    file = folder / "credentials.json"
    file.write_text(
        json.dumps(
            {
                "type": "external_account",
                "audience": "//iam.googleapis.com/a-pool-without-a-project-number",
                "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
                "token_url": token_url,
                "credential_source": {"file": str(identity)},
            }
        )
    )
    return file


def _token_service(made: FakeProject) -> ThreadingHTTPServer:
    """Start a service that returns a token for the workflow's identity and records the requests."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            made.token_requests.append(asked)
            known = asked.get("subject_token") == [IDENTITY]
            answer = {
                "access_token": "a token",
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
                "token_type": "Bearer",
                "expires_in": 3600,
            }
            self.send_response(200 if known else 401)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer if known else {"error": "invalid_grant"}).encode())

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main() -> None:
    """Run pytest on the fake project and return its exit code."""
    with fake_project() as made:
        environment = os.environ | made.environment
        left_out = [f"--deselect={test}" for test in REAL_PROJECT_ONLY.values()]
        command = [sys.executable, "-m", "pytest", *left_out, *sys.argv[1:]]
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)


if __name__ == "__main__":
    main()
