"""A fake of BigQuery's REST API, as far as the setup uses it: a server on loopback for a Project.

It rejects undocumented fields, an outdated `If-Match`, unknown accounts, datasets and policy tags, and
changes that would remove a column. It returns BigQuery's default values.
"""

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.warehouse.setup.grpc_apis import Project

Json = dict[str, Any]

DATASET = {
    "access", "datasetReference", "defaultTableExpirationMs", "description", "labels", "location",
}  # fmt: skip
ENTRY = {"role", "userByEmail", "groupByEmail", "domain", "specialGroup", "iamMember", "dataset", "view"}
TABLE = {
    "clustering", "description", "labels", "schema", "tableReference", "timePartitioning",
}  # fmt: skip
FIELD = {"name", "type", "mode", "description", "fields", "policyTags", "precision", "scale"}
LEGACY = {"roles/bigquery.dataViewer": "READER", "roles/bigquery.dataEditor": "WRITER"}
ROW_POLICY = re.compile(
    r"create or replace row access policy `(?P<policy>\w+)` on `(?P<table>[^`]+)` "
    r"grant to \((?P<members>[^)]*)\) filter using \((?P<filter>[^)]*)\)"
)


class RefusedError(Exception):
    """Ends a call with this HTTP status."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


def start(project: Project) -> ThreadingHTTPServer:
    """Serve the project on a free loopback port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(Api(project)))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


class Api:
    """The methods; each gets path parts, body and expected etag, and returns the resource."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.routes: list[tuple[str, str, Callable[..., Json]]] = [
            ("GET", r"/datasets/(\w+)", self.get_dataset),
            ("POST", r"/datasets", self.insert_dataset),
            ("PATCH", r"/datasets/(\w+)", self.patch_dataset),
            ("GET", r"/datasets/(\w+)/tables/(\w+)", self.get_table),
            ("POST", r"/datasets/(\w+)/tables", self.insert_table),
            ("PATCH", r"/datasets/(\w+)/tables/(\w+)", self.patch_table),
            ("GET", r"/datasets/(\w+)/tables/(\w+)/rowAccessPolicies", self.list_row_policies),
            ("POST", r"/datasets/(\w+)/tables/(\w+)/rowAccessPolicies/(\w+):getIamPolicy", self.row_policy),
            ("POST", r"/jobs", self.insert_job),
            ("GET", r"/queries/([\w-]+)", self.results),
        ]

    def answer(self, method: str, path: str, body: Json, etag: str | None) -> Json:
        if "bigquery.googleapis.com" not in self.project.enabled:
            raise RefusedError(403, "accessNotConfigured", "BigQuery API bigquery.googleapis.com is disabled")
        for verb, pattern, call in self.routes:
            match = re.fullmatch(r"/bigquery/v2/projects/([\w-]+)" + pattern, path)
            if verb == method and match:
                name, parts = call.__name__, match.groups()
                if name in self.project.denied:
                    raise RefusedError(403, "accessDenied", f"Access Denied: {name}")
                answer = call(*parts, body=body, etag=etag)
                if name.startswith(("insert", "patch")):
                    self.project.writes.append(f"{name} {'.'.join(parts[1:])}".strip())
                return answer
        raise RefusedError(404, "notFound", f"no such method: {method} {path}")

    # datasets

    def get_dataset(self, project: str, dataset: str, **_: Any) -> Json:
        return _known(self.project.datasets, f"{project}.{dataset}")

    def insert_dataset(self, project: str, *, body: Json, **_: Any) -> Json:
        dataset = body["datasetReference"]["datasetId"]
        if f"{project}.{dataset}" in self.project.datasets:
            raise RefusedError(409, "duplicate", f"Already Exists: Dataset {dataset}")
        default = [
            {"role": "WRITER", "specialGroup": "projectWriters"},
            {"role": "OWNER", "specialGroup": "projectOwners"},
            {"role": "READER", "specialGroup": "projectReaders"},
        ]
        live = {"location": "US", "access": default, "datasetReference": body["datasetReference"]}
        return self._store_dataset(f"{project}.{dataset}", live, body)

    def patch_dataset(self, project: str, dataset: str, *, body: Json, etag: str | None) -> Json:
        name = f"{project}.{dataset}"
        live = _known(self.project.datasets, name)
        _check_etag(live, etag)
        if body.get("location", live["location"]) != live["location"]:
            raise RefusedError(400, "invalid", "a dataset cannot be moved")
        return self._store_dataset(name, live, body)

    def _store_dataset(self, name: str, live: Json, body: Json) -> Json:
        _only(body, DATASET)
        access = [self._entry(entry) for entry in body.get("access", live["access"])]
        if not any(entry.get("role") == "OWNER" for entry in access):
            raise RefusedError(400, "invalid", "a dataset needs an owner")
        merged = _merge(live, body) | {"access": access, "etag": str(next(self.project.numbers))}
        self.project.datasets[name] = merged
        return merged

    def _entry(self, entry: Json) -> Json:
        _only(entry, ENTRY)
        if "dataset" in entry:
            _only(entry["dataset"], {"dataset", "targetTypes"})
            reference = entry["dataset"]["dataset"]
            _known(self.project.datasets, f"{reference['projectId']}.{reference['datasetId']}")
            return entry
        if "userByEmail" in entry and not self.project.knows(f"serviceAccount:{entry['userByEmail']}"):
            raise RefusedError(400, "invalid", f"Service account {entry['userByEmail']} does not exist.")
        return entry | {"role": LEGACY.get(entry["role"], entry["role"])}

    # tables

    def get_table(self, project: str, dataset: str, table: str, **_: Any) -> Json:
        return _known(self.project.tables, f"{project}.{dataset}.{table}")

    def insert_table(self, project: str, dataset: str, *, body: Json, **_: Any) -> Json:
        _known(self.project.datasets, f"{project}.{dataset}")
        name = f"{project}.{dataset}.{body['tableReference']['tableId']}"
        if name in self.project.tables:
            raise RefusedError(409, "duplicate", f"Already Exists: Table {name}")
        return self._store_table(name, {"type": "TABLE"}, body)

    def patch_table(self, project: str, dataset: str, table: str, *, body: Json, etag: str | None) -> Json:
        name = f"{project}.{dataset}.{table}"
        live = _known(self.project.tables, name)
        _check_etag(live, etag)
        return self._store_table(name, live, body)

    def _store_table(self, name: str, live: Json, body: Json) -> Json:
        _only(body, TABLE)
        before = {each["name"]: each for each in live.get("schema", {}).get("fields", [])}
        fields = []
        for each in body.get("schema", {}).get("fields", []):
            _only(each, FIELD)
            for tag in each.get("policyTags", {}).get("names", []):
                _known(self.project.tags, tag)
            old = before.pop(each["name"], {})
            field = {**each}
            if "policyTags" not in each and "policyTags" in old:
                field["policyTags"] = old["policyTags"]
            if not field.get("policyTags", {}).get("names"):
                field.pop("policyTags", None)
            fields.append(field)
        if fields and before:
            raise RefusedError(400, "invalid", f"columns {sorted(before)} are missing in the new schema")
        merged = _merge(live, body) | {"etag": str(next(self.project.numbers))}
        if fields:
            merged["schema"] = {"fields": fields}
        self.project.tables[name] = merged
        return merged

    # row access policies

    def list_row_policies(self, project: str, dataset: str, table: str, **_: Any) -> Json:
        _known(self.project.tables, f"{project}.{dataset}.{table}")
        policy = self.project.row_policies.get(f"{project}.{dataset}.{table}")
        if policy is None:
            return {}
        reference = {"projectId": project, "datasetId": dataset, "tableId": table, "policyId": policy["id"]}
        return {"rowAccessPolicies": [
            {"rowAccessPolicyReference": reference, "filterPredicate": policy["filter"]}
        ]}  # fmt: skip

    def row_policy(self, project: str, dataset: str, table: str, policy: str, **_: Any) -> Json:
        found = self.project.row_policies[f"{project}.{dataset}.{table}"]
        return {"bindings": [{"role": "roles/bigquery.filteredDataViewer", "members": found["members"]}]}

    def insert_job(self, project: str, *, body: Json, **_: Any) -> Json:
        query = body["configuration"]["query"]
        if query.get("useLegacySql") is not False:
            raise RefusedError(400, "invalid", "legacy SQL")
        match = ROW_POLICY.fullmatch(query["query"])
        if match is None:
            raise RefusedError(400, "invalidQuery", f"not a statement of the setup: {query['query']}")
        _known(self.project.tables, match["table"])
        members = [member.strip(' "') for member in match["members"].split(",")]
        self.project.row_policies[match["table"]] = {
            "id": match["policy"], "members": members, "filter": match["filter"]
        }  # fmt: skip
        return body | {"status": {"state": "DONE"}}

    def results(self, project: str, job: str, **_: Any) -> Json:
        reference = {"projectId": project, "jobId": job, "location": "US"}
        return {"jobReference": reference, "jobComplete": True, "schema": {"fields": []}, "totalRows": "0"}


def _known(things: dict[str, Any], name: str) -> Any:
    if name not in things:
        raise RefusedError(404, "notFound", f"Not found: {name}")
    return things[name]


def _only(body: Json, known: set[str]) -> None:
    if unknown := set(body) - known:
        raise RefusedError(400, "invalid", f"Unknown name {sorted(unknown)}")


def _check_etag(live: Json, etag: str | None) -> None:
    if etag is not None and etag != live["etag"]:
        raise RefusedError(412, "conditionNotMet", "Precondition Failed")


def _merge(live: Json, body: Json) -> Json:
    """Apply a PATCH: null removes a field, labels are merged, other fields are replaced."""
    merged = {**live, **body}
    if "labels" in body:
        merged["labels"] = {**live.get("labels", {}), **body["labels"]}
    return {name: value for name, value in merged.items() if value is not None}


def _handler(api: Api) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            try:
                path = self.path.partition("?")[0]
                status, answer = 200, api.answer(self.command, path, body, self.headers.get("If-Match"))
            except RefusedError as refusal:
                status = refusal.status
                error = {"reason": refusal.reason, "message": str(refusal)}
                answer = {"error": {"code": status, "message": str(refusal), "errors": [error]}}
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = _serve  # noqa: N815 - http.server requires these names

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    return Handler
