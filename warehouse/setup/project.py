"""APIs, service accounts, the custom role and the project's policy: find, compare, make."""

from typing import Any

from google.api_core.exceptions import NotFound
from google.iam.v1 import policy_pb2

from warehouse.setup import policies
from warehouse.setup.clients import CALL_TIMEOUT_S, Clients
from warehouse.setup.errors import retry_read_and_write, translated_errors
from warehouse.setup.resources import Api, CustomRole, ProjectAccess, ServiceAccount, Step, step

# ruff: noqa: PLC0415 - the request types are in the client packages, which only the setup imports

SERVICE_ADMIN = "roles/serviceusage.serviceUsageAdmin"
ACCOUNT_ADMIN = "roles/iam.serviceAccountAdmin"
ROLE_ADMIN = "roles/iam.roleAdmin"
PROJECT_ADMIN = "roles/resourcemanager.projectIamAdmin"

_GOVERNED = ("roles/bigquery", "roles/datacatalog", "projects/")
_BASIC = ("roles/owner", "roles/editor", "roles/viewer")


def find_api(clients: Clients, wanted: Api) -> bool | None:
    """Return True when the API is enabled, else None."""
    from google.cloud.service_usage_v1 import State

    name = f"projects/{wanted.project}/services/{wanted.name}"
    with translated_errors(f"API {wanted.name}", wanted.project, SERVICE_ADMIN):
        service = clients.services.get_service(request={"name": name}, timeout=CALL_TIMEOUT_S)
    return True if service.state == State.ENABLED else None


def compare_api(wanted: Api, found: bool | None) -> Step:
    """Compare whether the API is enabled."""
    return step("API", wanted.name, exists=found is not None, differences=[])


def make_api(clients: Clients, wanted: Api, found: bool | None) -> None:
    """Enable the API and wait until it is enabled."""
    name = f"projects/{wanted.project}/services/{wanted.name}"
    with translated_errors(f"API {wanted.name}", wanted.project, SERVICE_ADMIN):
        operation: Any = clients.services.enable_service(request={"name": name}, timeout=CALL_TIMEOUT_S)
        operation.result(timeout=300)


def find_account(clients: Clients, wanted: ServiceAccount) -> Any:
    """Return the account, or None."""
    with translated_errors(f"service account {wanted.name}", wanted.project, ACCOUNT_ADMIN):
        try:
            return clients.iam.get_service_account(
                request={"name": f"projects/{wanted.project}/serviceAccounts/{wanted.name}"},
                timeout=CALL_TIMEOUT_S,
            )
        except NotFound:
            return None


def compare_account(wanted: ServiceAccount, found: Any) -> Step:
    """Compare display name and description."""
    differences = []
    if found is not None:
        for field in ("display_name", "description"):
            if getattr(found, field) != getattr(wanted, field):
                differences.append(f"{field} '{getattr(found, field)}'")
    return step("service account", wanted.name, exists=found is not None, differences=differences)


def make_account(clients: Clients, wanted: ServiceAccount, found: Any) -> None:
    """Create the account without a key, or change its names."""
    names = {"display_name": wanted.display_name, "description": wanted.description}
    with translated_errors(f"service account {wanted.name}", wanted.project, ACCOUNT_ADMIN):
        if found is None:
            clients.iam.create_service_account(
                request={
                    "name": f"projects/{wanted.project}",
                    "account_id": wanted.account_id,
                    "service_account": names,
                },
                timeout=CALL_TIMEOUT_S,
            )
        else:
            clients.iam.patch_service_account(
                request={
                    "service_account": {"name": found.name, "etag": found.etag, **names},
                    "update_mask": {"paths": list(names)},
                },
                timeout=CALL_TIMEOUT_S,
            )


def find_role(clients: Clients, wanted: CustomRole) -> Any:
    """Return the role, also when it is marked as deleted; None when it never existed."""
    with translated_errors(f"role {wanted.name}", wanted.project, ROLE_ADMIN):
        try:
            return clients.iam.get_role(request={"name": wanted.name}, timeout=CALL_TIMEOUT_S)
        except NotFound:
            return None


def compare_role(wanted: CustomRole, found: Any) -> Step:
    """Compare the permissions of the role."""
    differences = []
    if found is not None:
        permissions = set(found.included_permissions)
        differences += ["deleted, can be restored"] if found.deleted else []
        differences += [f"missing {name}" for name in sorted(wanted.permissions - permissions)]
        differences += [f"unplanned {name}" for name in sorted(permissions - wanted.permissions)]
    return step("role", wanted.name, exists=found is not None, differences=differences)


def make_role(clients: Clients, wanted: CustomRole, found: Any) -> None:
    """Create the role, or restore it and set its permissions."""
    role = {
        "title": wanted.title,
        "description": wanted.description,
        "included_permissions": sorted(wanted.permissions),
        "stage": "GA",
    }
    with translated_errors(f"role {wanted.name}", wanted.project, ROLE_ADMIN):
        if found is None:
            clients.iam.create_role(
                request={"parent": f"projects/{wanted.project}", "role_id": wanted.role_id, "role": role},
                timeout=CALL_TIMEOUT_S,
            )
            return
        if found.deleted:
            clients.iam.undelete_role(request={"name": wanted.name}, timeout=CALL_TIMEOUT_S)
        clients.iam.update_role(
            request={"name": wanted.name, "role": role, "update_mask": {"paths": list(role)}},
            timeout=CALL_TIMEOUT_S,
        )


def find_access(clients: Clients, wanted: ProjectAccess) -> policy_pb2.Policy:
    """Return the IAM policy of the project."""
    with translated_errors(f"policy of {wanted.name}", wanted.name.removeprefix("projects/"), PROJECT_ADMIN):
        return _policy(clients, wanted)


def compare_access(wanted: ProjectAccess, found: policy_pb2.Policy | None) -> Step:
    """Compare the roles of the managed accounts. A policy always exists."""
    to_grant, to_revoke = policies.changes(found or policy_pb2.Policy(), wanted.grants, wanted.ours, _governs)
    return step(
        "project policy", wanted.name, exists=True, differences=policies.describe(to_grant, to_revoke)
    )


def make_access(clients: Clients, wanted: ProjectAccess, found: policy_pb2.Policy | None) -> None:
    """Merge the planned roles into the current policy."""

    def once() -> None:
        policy = _policy(clients, wanted)
        to_grant, to_revoke = policies.changes(policy, wanted.grants, wanted.ours, _governs)
        new = policies.merged(policy, to_grant, to_revoke)
        clients.projects.set_iam_policy(
            request={"resource": wanted.name, "policy": new}, timeout=CALL_TIMEOUT_S
        )

    with translated_errors(f"policy of {wanted.name}", wanted.name.removeprefix("projects/"), PROJECT_ADMIN):
        retry_read_and_write(once)


def _policy(clients: Clients, wanted: ProjectAccess) -> policy_pb2.Policy:
    # version 3: an older version omits the conditions of other bindings, and writing would lose them
    return clients.projects.get_iam_policy(
        request={"resource": wanted.name, "options": {"requested_policy_version": 3}}, timeout=CALL_TIMEOUT_S
    )


def _governs(role: str) -> bool:
    """Return whether the plan manages this role: roles that give access to the data."""
    return role.startswith(_GOVERNED) or role in _BASIC
