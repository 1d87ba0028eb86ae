"""Datasets, tables and row access policies: find, compare, make."""

from dataclasses import dataclass
from typing import Any

from google.api_core import exceptions as google_errors
from google.cloud import bigquery

from config.errors import PermanentError
from warehouse.queries import NO_RETRY
from warehouse.setup.clients import LIMIT_S, Clients
from warehouse.setup.errors import read_and_write, refusals
from warehouse.setup.resources import Dataset, Grant, RowPolicy, Step, Table, step
from warehouse.tables import ensure_table

ADMIN = "roles/bigquery.admin"
# Under this role BigQuery keeps who is granted a row access policy.
ROW_VIEWER = "roles/bigquery.filteredDataViewer"


def _project(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


# datasets


def find_dataset(clients: Clients, wanted: Dataset) -> bigquery.Dataset | None:
    """Return the dataset, or None. Raises PermanentError when it lies elsewhere: it cannot be moved."""
    with refusals(f"dataset {wanted.name}", _project(wanted.name), ADMIN):
        try:
            found = clients.bigquery.get_dataset(wanted.name, timeout=LIMIT_S)
        except google_errors.NotFound:
            return None
    if found.location.lower() != wanted.location.lower():
        raise PermanentError(
            f"dataset {wanted.name} lies in {found.location}, not in {wanted.location}, and cannot be moved. "
            f"Set WWI_BIGQUERY_LOCATION={found.location}, or choose another WWI_DATASET_PREFIX."
        )
    return found


def compare_dataset(wanted: Dataset, found: bigquery.Dataset | None) -> Step:
    """Description, labels, expiry and access. Labels and access of others are left out of it."""
    differences = [] if found is None else _fields(wanted, found)
    if found is not None:
        more, less = _access(wanted, found)
        differences += [f"grant {_words(entry)}" for entry in more]
        differences += [f"take {_words(entry)}" for entry in less]
    return step("dataset", wanted.name, exists=found is not None, differences=differences)


def make_dataset(clients: Clients, wanted: Dataset, found: bigquery.Dataset | None) -> None:
    """Make the dataset, or change what differs."""

    def once() -> None:
        if found is None:
            clients.bigquery.create_dataset(_new(wanted), timeout=LIMIT_S, retry=NO_RETRY)
            return
        live = clients.bigquery.get_dataset(wanted.name, timeout=LIMIT_S)
        more, less = _access(wanted, live)
        live.description = wanted.description
        live.labels = {**live.labels, **dict(wanted.labels)}
        live.default_table_expiration_ms = wanted.table_expiration_ms
        fields = ["description", "labels", "default_table_expiration_ms"]
        if more or less:
            live.access_entries = [entry for entry in live.access_entries if entry not in less] + more
            fields.append("access_entries")
        clients.bigquery.update_dataset(live, fields, timeout=LIMIT_S, retry=NO_RETRY)

    with refusals(f"dataset {wanted.name}", _project(wanted.name), ADMIN):
        read_and_write(once)


def _new(wanted: Dataset) -> bigquery.Dataset:
    """The dataset to make. Its access is named in full, or BigQuery adds every viewer of the project."""
    dataset = bigquery.Dataset(wanted.name)
    dataset.location = wanted.location
    dataset.description = wanted.description
    dataset.labels = dict(wanted.labels)
    dataset.default_table_expiration_ms = wanted.table_expiration_ms
    owners = bigquery.AccessEntry("OWNER", "specialGroup", "projectOwners")
    dataset.access_entries = [owners, *_entries(wanted)]
    return dataset


def _fields(wanted: Dataset, found: bigquery.Dataset) -> list[str]:
    differences = [
        f"label {name} is {found.labels.get(name)}"
        for name, value in wanted.labels
        if found.labels.get(name) != value
    ]
    if (found.description or "") != wanted.description:
        differences.append("description")
    if found.default_table_expiration_ms != wanted.table_expiration_ms:
        differences.append(f"tables expire after {found.default_table_expiration_ms} ms")
    return differences


def _entries(wanted: Dataset) -> list[bigquery.AccessEntry]:
    accounts = [
        bigquery.AccessEntry(grant.role, "userByEmail", grant.member) for grant in sorted(wanted.grants)
    ]
    views = [
        bigquery.AccessEntry(
            None,
            "dataset",
            {
                "dataset": {"projectId": _project(wanted.name), "datasetId": dataset},
                "targetTypes": ["VIEWS"],
            },
        )
        for dataset in wanted.authorised
    ]
    return accounts + views


def _access(
    wanted: Dataset, found: bigquery.Dataset
) -> tuple[list[bigquery.AccessEntry], list[bigquery.AccessEntry]]:
    """Entries to add, and those of our accounts to take away."""
    entries = _entries(wanted)
    live = list(found.access_entries)
    more = [entry for entry in entries if entry not in live]
    less = [
        entry
        for entry in live
        if entry.entity_type == "userByEmail"
        and entry.entity_id in wanted.ours
        and Grant(entry.role, entry.entity_id) not in wanted.grants
    ]
    return more, less


def _words(entry: bigquery.AccessEntry) -> str:
    if isinstance(entry.entity_id, dict):
        return f"views of {entry.entity_id['dataset']['datasetId']}"
    return f"{entry.role} for {entry.entity_id}"


# tables


def find_table(clients: Clients, wanted: Table) -> bigquery.Table | None:
    """Return the table, or None."""
    with refusals(f"table {wanted.name}", _project(wanted.name), ADMIN):
        try:
            return clients.bigquery.get_table(wanted.name, timeout=LIMIT_S)
        except google_errors.NotFound:
            return None


def compare_table(wanted: Table, found: bigquery.Table | None) -> Step:
    """Which columns it lacks, and which of them carry the wrong policy tags.

    Partition and clustering are set when a table is made; BigQuery cannot change the first.
    """
    differences = []
    if found is not None:
        live = {field.name: field for field in found.schema}
        lacking = [field.name for field in wanted.layout.schema if field.name not in live]
        untagged = [
            field.name
            for field in wanted.layout.schema
            if field.name in live and _tags(live[field.name]) != _tags(field)
        ]
        differences += [f"lacks {', '.join(lacking)}"] if lacking else []
        differences += [f"policy tag of {', '.join(untagged)}"] if untagged else []
    return step("table", wanted.name, exists=found is not None, differences=differences)


def make_table(clients: Clients, wanted: Table, found: bigquery.Table | None) -> None:
    """Make the table or add columns as the ingestion does; then set policy tags."""
    ensure_table(clients.bigquery, wanted.layout)
    if found is None:
        return
    tags = {field.name: field.policy_tags for field in wanted.layout.schema}

    def once() -> None:
        live = clients.bigquery.get_table(wanted.name, timeout=LIMIT_S)
        live.schema = [
            _tagged(field, tags[field.name]) if field.name in tags else field for field in live.schema
        ]
        clients.bigquery.update_table(live, ["schema"], timeout=LIMIT_S, retry=NO_RETRY)

    with refusals(f"table {wanted.name}", _project(wanted.name), ADMIN):
        read_and_write(once)


def _tags(field: bigquery.SchemaField) -> tuple[str, ...]:
    return tuple(field.policy_tags.names) if field.policy_tags else ()


def _tagged(field: bigquery.SchemaField, tags: bigquery.PolicyTagList | None) -> bigquery.SchemaField:
    # an empty list takes tags away; a missing one would leave them as they are
    names = list(tags.names) if tags else []
    return bigquery.SchemaField.from_api_repr({**field.to_api_repr(), "policyTags": {"names": names}})


# row access policies


@dataclass(frozen=True)
class Rows:
    """Who may see the rows of a table now; None: no such policy. `table` tells whether it is there at all."""

    table: bool
    members: frozenset[str] | None = None
    filter: str = ""


def find_rows(clients: Clients, wanted: RowPolicy) -> Rows:
    """Look the policy up. The client has no method for it, so this is the documented REST call."""
    project, dataset, table = wanted.table_id.split(".")
    path = f"/projects/{project}/datasets/{dataset}/tables/{table}/rowAccessPolicies"
    with refusals(f"row access policy of {wanted.name}", project, ADMIN):
        try:
            clients.bigquery.get_table(wanted.table_id, timeout=LIMIT_S)
        except google_errors.NotFound:
            return Rows(table=False)
        listed = _ask(clients, "GET", path).get("rowAccessPolicies", [])
        for policy in listed:
            if policy["rowAccessPolicyReference"]["policyId"] == wanted.policy_id:
                granted = _ask(clients, "POST", f"{path}/{wanted.policy_id}:getIamPolicy")
                members = frozenset(
                    member
                    for binding in granted.get("bindings", [])
                    if binding["role"] == ROW_VIEWER
                    for member in binding["members"]
                )
                return Rows(table=True, members=members, filter=policy.get("filterPredicate", ""))
    return Rows(table=True)


def compare_rows(wanted: RowPolicy, found: Rows | None) -> Step:
    """Who lacks sight of the rows and who has it without being named."""
    kind = "row policy"
    if found is None or not found.table:
        return Step("later", kind, wanted.name, "the table does not exist; run again after the first build")
    differences = []
    if found.members is not None:
        differences += [f"grant {member}" for member in sorted(wanted.members - found.members)]
        differences += [f"take from {member}" for member in sorted(found.members - wanted.members)]
        differences += [f"filter {found.filter}"] if found.filter.strip("() ").lower() != "true" else []
    return step(kind, wanted.name, exists=found.members is not None, differences=differences)


def make_rows(clients: Clients, wanted: RowPolicy, found: Rows | None) -> None:
    """Make the policy, or replace it by one with the members that it should have."""
    with refusals(f"row access policy of {wanted.name}", _project(wanted.name), ADMIN):
        read_and_write(lambda: _run(clients, row_policy_statement(wanted)))


def row_policy_statement(wanted: RowPolicy) -> str:
    """`create or replace row access policy`, with sight of every row for the members."""
    members = ", ".join(f'"{member}"' for member in sorted(wanted.members))
    return (
        f"create or replace row access policy `{wanted.policy_id}` on `{wanted.table_id}` "
        f"grant to ({members}) filter using (true)"
    )


def _run(clients: Clients, sql: str) -> None:
    job = clients.bigquery.query(sql, timeout=LIMIT_S, retry=NO_RETRY, job_retry=None)
    job.result(timeout=LIMIT_S)


def _ask(clients: Clients, method: str, path: str) -> dict[str, Any]:
    data: dict[str, Any] | None = {} if method == "POST" else None
    connection: Any = clients.bigquery._connection
    answer: dict[str, Any] = connection.api_request(method=method, path=path, data=data, timeout=LIMIT_S)
    return answer
