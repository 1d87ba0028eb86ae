"""HTTP servers on loopback in place of BigQuery: one has prepared answers, one forwards requests."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]
Answer = tuple[int, Json]
PER_HOP = {"connection", "transfer-encoding", "content-length", "host", "accept-encoding"}


class _Handler(BaseHTTPRequestHandler):
    """Reads one request and passes it to the server's `answer`."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        status, headers, content = self.server.answer(  # type: ignore[attr-defined]
            self.command, self.path, dict(self.headers), body
        )
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _do  # noqa: N815 - the names that http.server calls

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextmanager
def _serving(
    answer: Callable[[str, str, dict[str, str], bytes], tuple[int, dict[str, str], bytes]],
) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.answer = answer  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@contextmanager
def answering(answers: Sequence[Answer]) -> Iterator[tuple[str, list[str]]]:
    """Return these answers in order, then always the last; yield the URL and the list of requests."""
    asked: list[str] = []

    def answer(method: str, path: str, _headers: object, _body: bytes) -> tuple[int, dict[str, str], bytes]:
        status, content = answers[min(len(asked), len(answers) - 1)]
        asked.append(f"{method} {urlsplit(path).path}")
        return status, {"content-type": "application/json"}, json.dumps(content).encode()

    with _serving(answer) as url:
        yield url, asked


@contextmanager
def receiving() -> Iterator[tuple[str, list[Json]]]:
    """Accept every POST; yield the URL and the list of JSON bodies."""
    taken: list[Json] = []

    def answer(_method: str, _path: str, _headers: object, body: bytes) -> tuple[int, dict[str, str], bytes]:
        taken.append(json.loads(body))
        return 204, {}, b""

    with _serving(answer) as url:
        yield url, taken


def refusal(status: int, reason: str | None, message: str = "the reason why") -> Answer:
    """Return an error response like BigQuery's; without a reason, like that of a proxy."""
    if reason is None:
        return status, {}
    errors = [{"domain": "global", "reason": reason, "message": message}]
    return status, {"error": {"code": status, "message": message, "errors": errors}}


def job(error: Json | None = None) -> Answer:
    """Return a query job that has ended."""
    status = {"state": "DONE", **({"errorResult": error, "errors": [error]} if error else {})}
    return 200, {
        "jobReference": {"projectId": "wwi-local", "jobId": "job", "location": "US"},
        "configuration": {"jobType": "QUERY", "query": {"query": "a statement", "destinationTable": TABLE}},
        "statistics": {"query": {"statementType": "SELECT"}},
        "status": status,
    }


TABLE = {"projectId": "wwi-local", "datasetId": "d", "tableId": "t"}
ROWS: Answer = (
    200,
    {
        "jobComplete": True,
        "jobReference": {"projectId": "wwi-local", "jobId": "job", "location": "US"},
        "schema": {"fields": [{"name": "n", "type": "INTEGER"}]},
        "rows": [{"f": [{"v": "7"}]}],
        "totalRows": "1",
    },
)


@contextmanager
def listening(
    url: str, change: Callable[[Json, Json], None] | None = None
) -> Iterator[tuple[str, list[Json]]]:
    """Forward every request to `url`; yield the URL of the proxy and the list of jobs sent.

    `change` receives a job and its answer, and may alter the answer.
    """
    jobs: list[Json] = []
    host = urlsplit(url).netloc

    def answer(
        method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        kept = {name: value for name, value in headers.items() if name.lower() not in PER_HOP}
        connection = HTTPConnection(host, timeout=120)
        try:
            connection.request(method, path, body, kept)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if method == "POST" and re.search(r"/jobs$", urlsplit(path).path):
            sent: Json = json.loads(body)
            jobs.append(sent)
            if change and response.status == 200:
                found: Json = json.loads(content)
                change(sent, found)
                content = json.dumps(found).encode()
        return (
            response.status,
            {name: value for name, value in response.getheaders() if name.lower() not in PER_HOP},
            content,
        )

    with _serving(answer) as own:
        yield own, jobs
