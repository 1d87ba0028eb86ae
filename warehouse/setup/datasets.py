"""Datasets, tables and row access policies: find, compare, make."""

from dataclasses import dataclass
from typing import Any

from google.api_core import exceptions as google_errors
from google.cloud import bigquery

from config.errors import PermanentError
from warehouse.queries import NO_RETRY
from warehouse.setup.clients import CALL_TIMEOUT_S, Clients
from warehouse.setup.errors import retry_read_and_write, translated_errors
from warehouse.setup.resources import Dataset, Grant, RowPolicy, Step, Table, step
from warehouse.tables import ensure_table

ADMIN = "roles/bigquery.admin"
# BigQuery stores the grantees of a row access policy under this role.
ROW_VIEWER = "roles/bigquery.filteredDataViewer"


def _project(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


# datasets


def find_dataset(clients: Clients, wanted: Dataset) -> bigquery.Dataset | None:
    """Return the dataset, or None. Raises PermanentError when it is in another location."""
    with translated_errors(f"dataset {wanted.name}", _project(wanted.name), ADMIN):
        try:
            found = clients.bigquery.get_dataset(wanted.name, timeout=CALL_TIMEOUT_S)
        except google_errors.NotFound:
            return None
    if found.location.lower() != wanted.location.lower():
        raise PermanentError(
            f"dataset {wanted.name} is in {found.location}, not in {wanted.location}, and cannot be moved. "
            f"Set WWI_BIGQUERY_LOCATION={found.location}, or choose another WWI_DATASET_PREFIX."
        )
    return found


def compare_dataset(wanted: Dataset, found: bigquery.Dataset | None) -> Step:
    """Compare description, labels, expiration and access. Other labels and grantees are ignored."""
    differences = [] if found is None else _field_differences(wanted, found)
    if found is not None:
        to_grant, to_revoke = _access_changes(wanted, found)
        differences += [f"grant {_describe(entry)}" for entry in to_grant]
        differences += [f"revoke {_describe(entry)}" for entry in to_revoke]
    return step("dataset", wanted.name, exists=found is not None, differences=differences)


def make_dataset(clients: Clients, wanted: Dataset, found: bigquery.Dataset | None) -> None:
    """Create the dataset, or change what differs."""

    def once() -> None:
        if found is None:
            clients.bigquery.create_dataset(_new(wanted), timeout=CALL_TIMEOUT_S, retry=NO_RETRY)
            return
        live = clients.bigquery.get_dataset(wanted.name, timeout=CALL_TIMEOUT_S)
        to_grant, to_revoke = _access_changes(wanted, live)
        live.description = wanted.description
        live.labels = {**live.labels, **dict(wanted.labels)}
        live.default_table_expiration_ms = wanted.table_expiration_ms
        fields = ["description", "labels", "default_table_expiration_ms"]
        if to_grant or to_revoke:
            live.access_entries = [
                entry for entry in live.access_entries if entry not in to_revoke
            ] + to_grant
            fields.append("access_entries")
        clients.bigquery.update_dataset(live, fields, timeout=CALL_TIMEOUT_S, retry=NO_RETRY)

    with translated_errors(f"dataset {wanted.name}", _project(wanted.name), ADMIN):
        retry_read_and_write(once)


def _new(wanted: Dataset) -> bigquery.Dataset:
    """Return the dataset to create. Access is complete; otherwise BigQuery adds all project viewers."""
    dataset = bigquery.Dataset(wanted.name)
    dataset.location = wanted.location
    dataset.description = wanted.description
    dataset.labels = dict(wanted.labels)
    dataset.default_table_expiration_ms = wanted.table_expiration_ms
    owners = bigquery.AccessEntry("OWNER", "specialGroup", "projectOwners")
    dataset.access_entries = [owners, *_entries(wanted)]
    return dataset


def _field_differences(wanted: Dataset, found: bigquery.Dataset) -> list[str]:
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


def _access_changes(
    wanted: Dataset, found: bigquery.Dataset
) -> tuple[list[bigquery.AccessEntry], list[bigquery.AccessEntry]]:
    """Return the access entries to add, and those of the managed accounts to remove."""
    entries = _entries(wanted)
    live = list(found.access_entries)
    to_grant = [entry for entry in entries if entry not in live]
    to_revoke = [
        entry
        for entry in live
        if entry.entity_type == "userByEmail"
        and entry.entity_id in wanted.ours
        and Grant(entry.role, entry.entity_id) not in wanted.grants
    ]
    return to_grant, to_revoke


def _describe(entry: bigquery.AccessEntry) -> str:
    if isinstance(entry.entity_id, dict):
        return f"views of {entry.entity_id['dataset']['datasetId']}"
    return f"{entry.role} for {entry.entity_id}"


# tables


def find_table(clients: Clients, wanted: Table) -> bigquery.Table | None:
    """Return the table, or None."""
    with translated_errors(f"table {wanted.name}", _project(wanted.name), ADMIN):
        try:
            return clients.bigquery.get_table(wanted.name, timeout=CALL_TIMEOUT_S)
        except google_errors.NotFound:
            return None


def compare_table(wanted: Table, found: bigquery.Table | None) -> Step:
    """Compare columns and policy tags.

    Partitioning and clustering are set when a table is created; BigQuery cannot change the partitioning.
    """
    differences = []
    if found is not None:
        live = {field.name: field for field in found.schema}
        missing = [field.name for field in wanted.layout.schema if field.name not in live]
        untagged = [
            field.name
            for field in wanted.layout.schema
            if field.name in live and _tags(live[field.name]) != _tags(field)
        ]
        differences += [f"missing columns {', '.join(missing)}"] if missing else []
        differences += [f"policy tag of {', '.join(untagged)}"] if untagged else []
    return step("table", wanted.name, exists=found is not None, differences=differences)


def make_table(clients: Clients, wanted: Table, found: bigquery.Table | None) -> None:
    """Create the table or add columns as the ingestion does; then set policy tags."""
    ensure_table(clients.bigquery, wanted.layout)
    if found is None:
        return
    tags = {field.name: field.policy_tags for field in wanted.layout.schema}

    def once() -> None:
        live = clients.bigquery.get_table(wanted.name, timeout=CALL_TIMEOUT_S)
        live.schema = [
            _tagged(field, tags[field.name]) if field.name in tags else field for field in live.schema
        ]
        clients.bigquery.update_table(live, ["schema"], timeout=CALL_TIMEOUT_S, retry=NO_RETRY)

    with translated_errors(f"table {wanted.name}", _project(wanted.name), ADMIN):
        retry_read_and_write(once)


def _tags(field: bigquery.SchemaField) -> tuple[str, ...]:
    return tuple(field.policy_tags.names) if field.policy_tags else ()


def _tagged(field: bigquery.SchemaField, tags: bigquery.PolicyTagList | None) -> bigquery.SchemaField:
    # an empty list removes tags; without the key they would stay
    names = list(tags.names) if tags else []
    return bigquery.SchemaField.from_api_repr({**field.to_api_repr(), "policyTags": {"names": names}})


# row access policies


@dataclass(frozen=True)
class FoundRowPolicy:
    """The row access policy of a table. `members` None: no policy. `table`: whether the table exists."""

    table: bool
    members: frozenset[str] | None = None
    filter: str = ""


def find_rows(clients: Clients, wanted: RowPolicy) -> FoundRowPolicy:
    """Return the row access policy, by the documented REST call: the client has no method for it."""
    project, dataset, table = wanted.table_id.split(".")
    path = f"/projects/{project}/datasets/{dataset}/tables/{table}/rowAccessPolicies"
    with translated_errors(f"row access policy of {wanted.name}", project, ADMIN):
        try:
            clients.bigquery.get_table(wanted.table_id, timeout=CALL_TIMEOUT_S)
        except google_errors.NotFound:
            return FoundRowPolicy(table=False)
        listed = _request(clients, "GET", path).get("rowAccessPolicies", [])
        for policy in listed:
            if policy["rowAccessPolicyReference"]["policyId"] == wanted.policy_id:
                granted = _request(clients, "POST", f"{path}/{wanted.policy_id}:getIamPolicy")
                members = frozenset(
                    member
                    for binding in granted.get("bindings", [])
                    if binding["role"] == ROW_VIEWER
                    for member in binding["members"]
                )
                return FoundRowPolicy(table=True, members=members, filter=policy.get("filterPredicate", ""))
    return FoundRowPolicy(table=True)


def compare_rows(wanted: RowPolicy, found: FoundRowPolicy | None) -> Step:
    """Compare the members of the row access policy."""
    kind = "row policy"
    if found is None or not found.table:
        return Step("later", kind, wanted.name, "the table does not exist; run again after the first build")
    differences = []
    if found.members is not None:
        differences += [f"grant {member}" for member in sorted(wanted.members - found.members)]
        differences += [f"revoke from {member}" for member in sorted(found.members - wanted.members)]
        differences += [f"filter {found.filter}"] if found.filter.strip("() ").lower() != "true" else []
    return step(kind, wanted.name, exists=found.members is not None, differences=differences)


def make_rows(clients: Clients, wanted: RowPolicy, found: FoundRowPolicy | None) -> None:
    """Create or replace the row access policy."""
    with translated_errors(f"row access policy of {wanted.name}", _project(wanted.name), ADMIN):
        retry_read_and_write(lambda: _run_query(clients, row_policy_statement(wanted)))


def row_policy_statement(wanted: RowPolicy) -> str:
    """Return the statement that lets the members, and nobody else, read all rows."""
    members = ", ".join(f'"{member}"' for member in sorted(wanted.members))
    return (
        f"create or replace row access policy `{wanted.policy_id}` on `{wanted.table_id}` "
        f"grant to ({members}) filter using (true)"
    )


def _run_query(clients: Clients, sql: str) -> None:
    job = clients.bigquery.query(sql, timeout=CALL_TIMEOUT_S, retry=NO_RETRY, job_retry=None)
    job.result(timeout=CALL_TIMEOUT_S)


def _request(clients: Clients, method: str, path: str) -> dict[str, Any]:
    data: dict[str, Any] | None = {} if method == "POST" else None
    connection: Any = clients.bigquery._connection
    answer: dict[str, Any] = connection.api_request(
        method=method, path=path, data=data, timeout=CALL_TIMEOUT_S
    )
    return answer
