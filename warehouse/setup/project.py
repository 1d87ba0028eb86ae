"""APIs, service accounts, the custom role and the project's policy: find, compare, make."""

from typing import Any

from google.api_core.exceptions import NotFound
from google.iam.v1 import policy_pb2

from warehouse.setup import policies
from warehouse.setup.clients import LIMIT_S, Clients
from warehouse.setup.errors import read_and_write, refusals
from warehouse.setup.resources import Api, CustomRole, ProjectAccess, ServiceAccount, Step, step

# ruff: noqa: PLC0415 - the request types come with their clients, which only the set-up imports

SERVICE_ADMIN = "roles/serviceusage.serviceUsageAdmin"
ACCOUNT_ADMIN = "roles/iam.serviceAccountAdmin"
ROLE_ADMIN = "roles/iam.roleAdmin"
PROJECT_ADMIN = "roles/resourcemanager.projectIamAdmin"

_GOVERNED = ("roles/bigquery", "roles/datacatalog", "projects/")
_BASIC = ("roles/owner", "roles/editor", "roles/viewer")


def find_api(clients: Clients, wanted: Api) -> bool | None:
    """Return True when the API is on, None when it is off."""
    from google.cloud.service_usage_v1 import State

    name = f"projects/{wanted.project}/services/{wanted.name}"
    with refusals(f"API {wanted.name}", wanted.project, SERVICE_ADMIN):
        service = clients.services.get_service(request={"name": name}, timeout=LIMIT_S)
    return True if service.state == State.ENABLED else None


def compare_api(wanted: Api, found: bool | None) -> Step:
    """Fine or to be switched on."""
    return step("API", wanted.name, exists=found is not None, differences=[])


def make_api(clients: Clients, wanted: Api, found: bool | None) -> None:
    """Switch the API on and wait for it."""
    name = f"projects/{wanted.project}/services/{wanted.name}"
    with refusals(f"API {wanted.name}", wanted.project, SERVICE_ADMIN):
        operation: Any = clients.services.enable_service(request={"name": name}, timeout=LIMIT_S)
        operation.result(timeout=300)


def find_account(clients: Clients, wanted: ServiceAccount) -> Any:
    """Return the account, or None."""
    with refusals(f"service account {wanted.name}", wanted.project, ACCOUNT_ADMIN):
        try:
            return clients.iam.get_service_account(
                request={"name": f"projects/{wanted.project}/serviceAccounts/{wanted.name}"}, timeout=LIMIT_S
            )
        except NotFound:
            return None


def compare_account(wanted: ServiceAccount, found: Any) -> Step:
    """Which of its names differs."""
    differences = []
    if found is not None:
        for field in ("display_name", "description"):
            if getattr(found, field) != getattr(wanted, field):
                differences.append(f"{field} '{getattr(found, field)}'")
    return step("service account", wanted.name, exists=found is not None, differences=differences)


def make_account(clients: Clients, wanted: ServiceAccount, found: Any) -> None:
    """Make the account, without a key, or name it anew."""
    names = {"display_name": wanted.display_name, "description": wanted.description}
    with refusals(f"service account {wanted.name}", wanted.project, ACCOUNT_ADMIN):
        if found is None:
            clients.iam.create_service_account(
                request={
                    "name": f"projects/{wanted.project}",
                    "account_id": wanted.account_id,
                    "service_account": names,
                },
                timeout=LIMIT_S,
            )
        else:
            clients.iam.patch_service_account(
                request={
                    "service_account": {"name": found.name, "etag": found.etag, **names},
                    "update_mask": {"paths": list(names)},
                },
                timeout=LIMIT_S,
            )


def find_role(clients: Clients, wanted: CustomRole) -> Any:
    """Return the role, also when it is marked as deleted; None when there never was one."""
    with refusals(f"role {wanted.name}", wanted.project, ROLE_ADMIN):
        try:
            return clients.iam.get_role(request={"name": wanted.name}, timeout=LIMIT_S)
        except NotFound:
            return None


def compare_role(wanted: CustomRole, found: Any) -> Step:
    """Which permissions lack or are too many."""
    differences = []
    if found is not None:
        permissions = set(found.included_permissions)
        differences += ["deleted, can be had back"] if found.deleted else []
        differences += [f"lacks {name}" for name in sorted(wanted.permissions - permissions)]
        differences += [f"has {name}" for name in sorted(permissions - wanted.permissions)]
    return step("role", wanted.name, exists=found is not None, differences=differences)


def make_role(clients: Clients, wanted: CustomRole, found: Any) -> None:
    """Make the role, or give it its permissions again."""
    role = {
        "title": wanted.title,
        "description": wanted.description,
        "included_permissions": sorted(wanted.permissions),
        "stage": "GA",
    }
    with refusals(f"role {wanted.name}", wanted.project, ROLE_ADMIN):
        if found is None:
            clients.iam.create_role(
                request={"parent": f"projects/{wanted.project}", "role_id": wanted.role_id, "role": role},
                timeout=LIMIT_S,
            )
            return
        if found.deleted:
            clients.iam.undelete_role(request={"name": wanted.name}, timeout=LIMIT_S)
        clients.iam.update_role(
            request={"name": wanted.name, "role": role, "update_mask": {"paths": list(role)}},
            timeout=LIMIT_S,
        )


def find_access(clients: Clients, wanted: ProjectAccess) -> policy_pb2.Policy:
    """Return the project's policy."""
    with refusals(f"policy of {wanted.name}", wanted.name.removeprefix("projects/"), PROJECT_ADMIN):
        return _policy(clients, wanted)


def compare_access(wanted: ProjectAccess, found: policy_pb2.Policy | None) -> Step:
    """Which roles lack, and which an account of ours should not have. There always is a policy."""
    more, less = policies.changes(found or policy_pb2.Policy(), wanted.grants, wanted.ours, _governs)
    return step("project policy", wanted.name, exists=True, differences=policies.describe(more, less))


def make_access(clients: Clients, wanted: ProjectAccess, found: policy_pb2.Policy | None) -> None:
    """Merge our roles into the policy as it is now."""

    def once() -> None:
        policy = _policy(clients, wanted)
        more, less = policies.changes(policy, wanted.grants, wanted.ours, _governs)
        new = policies.merged(policy, more, less)
        clients.projects.set_iam_policy(request={"resource": wanted.name, "policy": new}, timeout=LIMIT_S)

    with refusals(f"policy of {wanted.name}", wanted.name.removeprefix("projects/"), PROJECT_ADMIN):
        read_and_write(once)


def _policy(clients: Clients, wanted: ProjectAccess) -> policy_pb2.Policy:
    # version 3: with an older one, conditions of others' bindings would not be sent and so be lost
    return clients.projects.get_iam_policy(
        request={"resource": wanted.name, "options": {"requested_policy_version": 3}}, timeout=LIMIT_S
    )


def _governs(role: str) -> bool:
    """Roles that reach our data. What else somebody gave one of the accounts is no business of ours."""
    return role.startswith(_GOVERNED) or role in _BASIC
