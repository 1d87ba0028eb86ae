"""A fake BigQuery that knows types but no rows: it answers REST calls by analysing the SQL.

A statement that Google's analyzer rejects becomes a failed job, as on BigQuery. A statement that creates a
table adds its columns for later statements. Tables are empty: a query returns no rows, or the single row of
an aggregate. dbt, ingestion and queries use it unchanged, by HTTP on loopback.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

from tests.googlesql import rules
from tests.googlesql.analyzer import Analyzer, Column, RefusedError, Statement, TablePath, column

Json = dict[str, Any]

# statement types of BigQuery that clients read
STATEMENT_TYPES = {
    "Query": "SELECT",
    "CreateTableAsSelect": "CREATE_TABLE_AS_SELECT",
    "CreateTable": "CREATE_TABLE",
    "CreateView": "CREATE_VIEW",
    "Insert": "INSERT",
    "Update": "UPDATE",
    "Delete": "DELETE",
    "Merge": "MERGE",
    "AlterTable": "ALTER_TABLE",
    "Drop": "DROP_TABLE",
}
INFORMATION_SCHEMA = {
    "COLUMNS": {
        "table_name": "STRING", "column_name": "STRING", "ordinal_position": "INT64", "data_type": "STRING",
        "is_partitioning_column": "STRING", "clustering_ordinal_position": "INT64",
    },
    "TABLES": {"table_name": "STRING", "table_type": "STRING"},
}  # fmt: skip
DBT_NODE = re.compile(r'/\* .*?"node_id": "([^"]+)".*?\*/', re.DOTALL)


@dataclass(frozen=True)
class Sent:
    """A statement that a client sent, with its dbt node and, if it was rejected, Google's message."""

    node: str | None
    sql: str
    kinds: tuple[str, ...] = ()
    functions: frozenset[str] = frozenset()
    error: str | None = None


@dataclass
class Warehouse:
    """The state: tables of the analyzer, API resources, jobs, and the statements sent.

    `rows` are prepared results: {names of the output columns: rows}. `changed` is the row count that each DML
    statement reports.
    """

    project: str
    analyzer: Analyzer = field(default_factory=Analyzer)
    rows: dict[tuple[str, ...], Sequence[Sequence[str]]] = field(default_factory=dict)
    changed: int = 1
    sent: list[Sent] = field(default_factory=list)
    datasets: dict[str, Json] = field(default_factory=dict)
    resources: dict[TablePath, Json] = field(default_factory=dict)
    jobs: dict[str, Json] = field(default_factory=dict)
    results: dict[str, Json] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def columns(self, dataset: str, table: str) -> dict[str, str]:
        """Return names and types of a table's columns."""
        return {each.name: each.type for each in self.analyzer.tables[self.project, dataset, table]}

    def refused(self) -> list[str]:
        """Return a line per rejected statement: node, message and line of SQL."""
        return [
            f"{each.node or 'statement'}: {each.error}{_line_of_error(each)}"
            for each in self.sent
            if each.error
        ]

    def copy_tables(self, other: "Warehouse") -> None:
        """Copy the tables of another warehouse."""
        for path, resource in other.resources.items():
            self._store((self.project, *path[1:]), resource)
            self.analyzer.tables[self.project, *path[1:]] = other.analyzer.tables[path]

    # datasets and tables

    def create_dataset(self, body: Json) -> Json:
        name = body["datasetReference"]["datasetId"]
        if name in self.datasets:
            raise ApiError(409, "duplicate", f"Already Exists: Dataset {self.project}:{name}")
        self.datasets[name] = {"kind": "bigquery#dataset", "id": f"{self.project}:{name}", **body}
        for view, columns in INFORMATION_SCHEMA.items():
            schema = tuple(column(*each) for each in columns.items())
            self.analyzer.tables[self.project, name, "INFORMATION_SCHEMA", view] = schema
        return self.datasets[name]

    def get_dataset(self, name: str) -> Json:
        if name not in self.datasets:
            raise ApiError(404, "notFound", f"Not found: Dataset {self.project}:{name}")
        return self.datasets[name]

    def create_table(self, dataset: str, body: Json) -> Json:
        self.get_dataset(dataset)
        path = (self.project, dataset, body["tableReference"]["tableId"])
        if path in self.resources:
            raise ApiError(409, "duplicate", f"Already Exists: Table {'.'.join(path)}")
        return self._store(path, body)

    def get_table(self, dataset: str, table: str) -> Json:
        path = (self.project, dataset, table)
        if path not in self.resources:
            raise ApiError(404, "notFound", f"Not found: Table {'.'.join(path)}")
        return self.resources[path]

    def patch_table(self, dataset: str, table: str, body: Json) -> Json:
        self.get_table(dataset, table)
        path = (self.project, dataset, table)
        return self._store(path, self.resources[path] | body)

    def delete_table(self, dataset: str, table: str) -> Json:
        self.get_table(dataset, table)
        path = (self.project, dataset, table)
        del self.resources[path], self.analyzer.tables[path]
        return {}

    def list_tables(self, dataset: str) -> Json:
        self.get_dataset(dataset)
        found = [each for path, each in self.resources.items() if path[1] == dataset]
        return {"tables": found, "totalItems": len(found)}

    def _store(self, path: TablePath, body: Json) -> Json:
        reference = dict(zip(("projectId", "datasetId", "tableId"), path, strict=True))
        self.resources[path] = {
            "type": "TABLE", "numRows": "0", "numBytes": "0", "id": f"{path[0]}:{path[1]}.{path[2]}", **body,
            "tableReference": reference,
        }  # fmt: skip
        self.analyzer.tables[path] = tuple(
            column(each["name"], each["type"], required=each.get("mode") == "REQUIRED")
            for each in body.get("schema", {}).get("fields", [])
        )
        return self.resources[path]

    # jobs

    def run_job(self, body: Json) -> Json:
        job_id = body["jobReference"]["jobId"]
        if job_id in self.jobs:
            raise ApiError(409, "duplicate", f"Already Exists: Job {self.project}:US.{job_id}")
        job: Json = {
            "kind": "bigquery#job",
            "jobReference": {"projectId": self.project, "location": "US", **body["jobReference"]},
            "configuration": body["configuration"],
            "status": {"state": "DONE"},
            "statistics": {"totalBytesProcessed": "0"},
        }
        if "query" in body["configuration"]:
            with self.lock:  # the analyzer runs in one thread only
                self._query(job)
        self.jobs[job_id] = job
        return job

    def get_job(self, job_id: str) -> Json:
        if job_id not in self.jobs:
            raise ApiError(404, "notFound", f"Not found: Job {self.project}:US.{job_id}")
        return self.jobs[job_id]

    def get_results(self, job_id: str) -> Json:
        job = self.get_job(job_id)
        error = job["status"].get("errorResult")
        if error:
            raise ApiError(400, error["reason"], error["message"])
        return self.results[job_id] | {"jobReference": job["jobReference"], "jobComplete": True}

    def _query(self, job: Json) -> None:
        config = job["configuration"]["query"]
        sql = config["query"]
        marked = DBT_NODE.search(sql)
        node = marked[1] if marked else None
        try:
            statements = self.analyzer.analyze(sql, _parameters(config))
            for each in statements:
                rules.check(each)
        except RefusedError as error:
            self.sent.append(Sent(node, sql, error=str(error)))
            result = {"reason": "invalidQuery", "message": str(error)}
            job["status"] |= {"errorResult": result, "errors": [result]}
            return
        functions = frozenset(name for each in statements for name in each.functions)
        self.sent.append(Sent(node, sql, tuple(each.kind for each in statements), functions))
        for each in statements:
            self._make(each)
        self._answer(job, statements)

    def _make(self, statement: Statement) -> None:
        name = statement.dataset
        if name and name not in self.datasets:
            self.create_dataset({"datasetReference": {"projectId": self.project, "datasetId": name}})
        if statement.target is None:
            return
        path = statement.target
        column_types = {each.name: each.type for each in statement.columns}
        partition = next((name for _, name in statement.partitions), None)
        made: Json = {"schema": {"fields": [_field(each) for each in statement.columns]}}
        if "View" in statement.kind:
            made |= {"type": "VIEW", "view": {"query": "", "useLegacySql": False}}
        if partition and column_types[partition] == "INT64":
            made["rangePartitioning"] = {"field": partition}
        elif partition:
            made["timePartitioning"] = {"type": "DAY", "field": partition}
        if statement.clusters:
            made["clustering"] = {"fields": list(statement.clusters)}
        self._store(path, made)
        self.analyzer.tables[path] = statement.columns

    def _answer(self, job: Json, statements: Sequence[Statement]) -> None:
        last = statements[-1]
        kind = "SCRIPT" if len(statements) > 1 else STATEMENT_TYPES.get(last.kind, last.kind.upper())
        job["statistics"]["query"] = {"statementType": kind, "totalBytesProcessed": "0"}
        if kind in ("INSERT", "UPDATE", "DELETE", "MERGE"):
            job["statistics"]["query"]["numDmlAffectedRows"] = str(self.changed)
        columns = last.columns if last.kind == "Query" else ()
        rows = self._rows(last) if columns else []
        schema = {"fields": [_field(each) for each in columns]}
        job_id = job["jobReference"]["jobId"]
        path = last.target or (self.project, "_answers", f"anon_{job_id.replace('-', '_')}")
        if last.target is None:
            self._store(path, {"schema": {"fields": []}})
            self.resources[path]["schema"] = schema
        job["configuration"]["query"]["destinationTable"] = self.resources[path]["tableReference"]
        self.results[job_id] = {
            "schema": schema,
            "totalRows": str(len(rows)),
            "rows": [{"f": [{"v": value} for value in row]} for row in rows],
        }

    def _rows(self, statement: Statement) -> Sequence[Sequence[Any]]:
        names = tuple(each.name for each in statement.columns)
        if names in self.rows:
            return self.rows[names]
        sql = self.sent[-1].sql.lower()
        # all columns, because the filter is not evaluated
        if "information_schema" in sql and " where " not in sql and names == ("table_name", "column_name"):
            return list(self._information())
        return [[_empty_aggregate(each) for each in statement.columns]] if statement.is_total else []

    def _information(self) -> Iterator[tuple[str, str]]:
        """Return table and column of each column in the dataset of the statement."""
        sql = self.sent[-1].sql
        for path, columns in self.analyzer.tables.items():
            if len(path) == 3 and f"{path[1]}`.INFORMATION_SCHEMA" in sql:
                yield from ((path[2], each.name) for each in columns)


class ApiError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


@contextmanager
def serving(warehouse: Warehouse) -> Iterator[str]:
    """Serve the warehouse on a free loopback port and yield its URL."""

    class Handler(_Handler):
        state = warehouse

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _route(warehouse: Warehouse, method: str, path: str, body: Json) -> Json:
    part = r"([^/]+)"
    routes: list[tuple[str, str, Callable[..., Json]]] = [
        ("GET", "datasets", lambda: {"datasets": list(warehouse.datasets.values())}),
        ("POST", "datasets", lambda: warehouse.create_dataset(body)),
        ("GET", f"datasets/{part}", warehouse.get_dataset),
        ("PATCH", f"datasets/{part}", lambda name: warehouse.get_dataset(name) | body),
        ("GET", f"datasets/{part}/tables", warehouse.list_tables),
        ("POST", f"datasets/{part}/tables", lambda name: warehouse.create_table(name, body)),
        ("GET", f"datasets/{part}/tables/{part}", warehouse.get_table),
        ("PATCH", f"datasets/{part}/tables/{part}", lambda d, t: warehouse.patch_table(d, t, body)),
        ("DELETE", f"datasets/{part}/tables/{part}", warehouse.delete_table),
        ("POST", "jobs", lambda: warehouse.run_job(body)),
        ("GET", f"jobs/{part}", warehouse.get_job),
        ("GET", f"queries/{part}", warehouse.get_results),
    ]
    inner = path.partition(f"/projects/{warehouse.project}/")[2]
    for wanted, pattern, answer in routes:
        found = re.fullmatch(pattern, inner)
        if found and wanted == method:
            return answer(*found.groups())
    raise ApiError(501, "notImplemented", f"{method} {path} is not answered here; add it to {__name__}")


class _Handler(BaseHTTPRequestHandler):
    state: Warehouse
    protocol_version = "HTTP/1.1"

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        path = urlsplit(self.path).path
        try:
            status, answer = 200, _route(self.state, self.command, path, body)
        except ApiError as error:
            status = error.status
            details = {"message": str(error), "reason": error.reason}
            answer = {"error": {"code": status, "message": str(error), "errors": [details]}}
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815 - http.server requires these names

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


def _field(each: Column) -> Json:
    repeated = each.type.startswith("ARRAY<")
    mode = "REPEATED" if repeated else "REQUIRED" if each.required else "NULLABLE"
    kind = each.type[len("ARRAY<") : -1] if repeated else each.type
    return {"name": each.name, "type": "RECORD" if kind.startswith("STRUCT") else kind, "mode": mode}


def _parameters(config: Json) -> Mapping[str, str]:
    return {each["name"]: each["parameterType"]["type"] for each in config.get("queryParameters", [])}


def _line_of_error(sent: Sent) -> str:
    """Return the line of SQL at the position in the message."""
    place = re.search(r"\[at (\d+):(\d+)\]", sent.error or "")
    lines = sent.sql.splitlines()
    return f"\n    {lines[int(place[1]) - 1].strip()}" if place and int(place[1]) <= len(lines) else ""


def _empty_aggregate(each: Column) -> str | None:
    """Return the value of an aggregate without rows."""
    return {"INT64": "0", "BOOL": "false", "NUMERIC": "0"}.get(each.type)
