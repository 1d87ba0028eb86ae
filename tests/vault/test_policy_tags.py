"""Descriptions and policy tags of columns that dbt sends to BigQuery after creating a table.

The local warehouse keeps no policy tags and gets no descriptions. So dbt takes it for BigQuery here, and
speaks to it through a gate that hands everything on and keeps the schemas that were sent.
"""

import json
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from config.settings import Settings
from tests.vault.conftest import Sandbox, make_project
from warehouse.client import connect

pytestmark = pytest.mark.services

TAG = "projects/shop-project/locations/us/taxonomies/7/policyTags/8"
NOT_LOCALLY = "{{ return(target.name != 'local') }}"
MODEL = "select 1 as person_id, 'Ann' as full_name, 'x' as unmarked"
DOCS = """
version: 2
models:
  - name: people
    description: People.
    columns:
      - {name: person_id, description: Number.}
      - name: full_name
        description: Name.
        config: {meta: {sensitivity: personal}}
      - name: gone
        description: A column that the table does not have.
        config: {meta: {sensitivity: personal}}
"""


@dataclass
class Gate:
    """A proxy's address, and the fields of every schema that was sent, by table."""

    url: str = ""
    schemas: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


@pytest.fixture
def gate(services: Settings) -> Iterator[Gate]:
    """Run a proxy for the local warehouse."""
    found, behind = Gate(), services.resolve_warehouse_url()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.command == "PATCH" and "/tables/" in self.path:
                fields = json.loads(body).get("schema", {}).get("fields")
                if fields:
                    found.schemas[self.path.partition("?")[0].rsplit("/", 1)[1]] = fields
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            request = urllib.request.Request(
                behind + self.path, data=body or None, headers=headers, method=self.command
            )
            try:
                answer = urllib.request.urlopen(request, timeout=60)
            except HTTPError as error:
                answer = error  # type: ignore[assignment]
            data = answer.read()
            self.send_response(answer.status)
            for name in ("Content-Type", "Content-Encoding"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815 - names of http.server

        def log_message(self, *_: Any) -> None:
            """Disable logging."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def sandbox(gate: Gate, settings: Settings, offline: Path, tmp_path: Path) -> Sandbox:
    """Return a dbt project with one mart and the vault's settings and macros, connected to the proxy."""
    marts = tmp_path / "models" / "marts"
    marts.mkdir(parents=True)
    (marts / "people.sql").write_text(MODEL)
    (marts / "_people.yml").write_text(DOCS)
    project = make_project(tmp_path / "project", tmp_path / "models", offline)
    engine = project / "macros" / "local_engine.sql"
    assert engine.read_text().count(NOT_LOCALLY) == 1
    engine.write_text(engine.read_text().replace(NOT_LOCALLY, "{{ return(true) }}"))
    through = settings.model_copy(update={"warehouse_url": gate.url})
    made = Sandbox(connect(through), through, project, tmp_path)
    made.create_tables([])
    return made


def tagged(gate: Gate) -> dict[str, list[str]]:
    """Return {column: policy tags} that dbt sent."""
    return {each["name"]: each.get("policyTags", {}).get("names", []) for each in gate.schemas["people"]}


def test_personal_columns_have_the_tag_only_if_it_is_set(gate: Gate, sandbox: Sandbox) -> None:
    settings = sandbox.settings.model_copy(update={"personal_policy_tag": TAG})
    Sandbox(sandbox.client, settings, sandbox.project, sandbox.staged_files).build("people")
    assert tagged(gate) == {"person_id": [], "full_name": [TAG], "unmarked": []}
    assert {each["name"]: each.get("description") for each in gate.schemas["people"]} == {
        "person_id": "Number.",
        "full_name": "Name.",
        "unmarked": None,
    }

    sandbox.build("people")
    assert tagged(gate) == {"person_id": [], "full_name": [], "unmarked": []}
