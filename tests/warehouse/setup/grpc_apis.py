"""A fake of the Google APIs that the setup uses, except for BigQuery.

Service Usage, IAM, Resource Manager, Data Catalog and Data Policies: a gRPC server on loopback that keeps
state and behaves as documented. It rejects calls of disabled APIs, missing or existing resources, and
outdated etags. Requests and answers have the types of Google's libraries.
"""

import itertools
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.cloud import bigquery_datapolicies_v1 as policies
from google.cloud import datacatalog_v1 as catalog
from google.cloud import iam_admin_v1 as iam
from google.cloud import service_usage_v1 as usage
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.longrunning import operations_pb2
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

SERVICE_OF = {
    "google.iam.admin.v1.IAM": "iam.googleapis.com",
    "google.cloud.resourcemanager.v3.Projects": "cloudresourcemanager.googleapis.com",
    "google.cloud.datacatalog.v1.PolicyTagManager": "datacatalog.googleapis.com",
    "google.cloud.bigquery.datapolicies.v1.DataPolicyService": "bigquerydatapolicy.googleapis.com",
}


@dataclass
class Project:
    """State of the project. `writes` has the name of every call that changed something, in order."""

    enabled: set[str] = field(default_factory=set)
    accounts: dict[str, Any] = field(default_factory=dict)
    roles: dict[str, Any] = field(default_factory=dict)
    taxonomies: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, Any] = field(default_factory=dict)
    masks: dict[str, Any] = field(default_factory=dict)
    policies: dict[str, Any] = field(default_factory=dict)
    datasets: dict[str, dict[str, Any]] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    row_policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    # runs once, after a policy was read and before it is written
    meanwhile: Callable[[], None] | None = None
    # number of policies that reject a new account at first
    unknown_for: int = 0
    numbers: Any = field(default_factory=lambda: itertools.count(1000))

    def knows(self, member: str) -> bool:
        """Return whether a policy may contain the member; a new account is unknown for a while."""
        kind, _, address = member.partition(":")
        if kind != "serviceAccount" or not address.endswith(".iam.gserviceaccount.com"):
            return True
        if address in self.accounts and self.unknown_for > 0:
            self.unknown_for -= 1
            return False
        return address in self.accounts

    def policy(self, resource: str) -> policy_pb2.Policy:
        """Return the policy of a resource, empty at first."""
        return self.policies.setdefault(resource, policy_pb2.Policy(etag=b"0"))

    def bindings(self, resource: str) -> dict[str, set[str]]:
        """Return role -> members, without conditional bindings."""
        return {
            binding.role: set(binding.members)
            for binding in self.policy(resource).bindings
            if not binding.HasField("condition")
        }


class RefusedError(Exception):
    """Ends a call with this status."""

    def __init__(self, code: int, message: str, reason: str = "", **metadata: str) -> None:
        super().__init__(message)
        self.status = status_pb2.Status(code=code, message=message)
        if reason:
            info = error_details_pb2.ErrorInfo(reason=reason, domain="googleapis.com", metadata=metadata)
            packed = any_pb2.Any()
            packed.Pack(info)
            self.status.details.append(packed)


def missing(name: str) -> RefusedError:
    return RefusedError(code_pb2.NOT_FOUND, f"{name} does not exist here.")


def there_already(name: str) -> RefusedError:
    return RefusedError(code_pb2.ALREADY_EXISTS, f"{name} already exists.")


class Apis:
    """The methods of all services; each gets a typed request and returns a typed answer."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def _new(self) -> int:
        return int(next(self.project.numbers))

    # service usage

    def get_service(self, request: Any) -> Any:
        on = request.name.rsplit("/", 1)[1] in self.project.enabled
        return usage.Service(name=request.name, state=usage.State.ENABLED if on else usage.State.DISABLED)

    def enable_service(self, request: Any) -> Any:
        self.project.enabled.add(request.name.rsplit("/", 1)[1])
        packed = any_pb2.Any()
        packed.Pack(usage.EnableServiceResponse.pb(usage.EnableServiceResponse()))
        return operations_pb2.Operation(name="operations/1", done=True, response=packed)

    # accounts and roles

    def get_service_account(self, request: Any) -> Any:
        address = request.name.rsplit("/", 1)[1]
        if address not in self.project.accounts:
            raise missing(address)
        return self.project.accounts[address]

    def create_service_account(self, request: Any) -> Any:
        address = f"{request.account_id}@{request.name.split('/')[1]}.iam.gserviceaccount.com"
        if address in self.project.accounts:
            raise there_already(address)
        if not 6 <= len(request.account_id) <= 30 or request.service_account.email:
            raise RefusedError(code_pb2.INVALID_ARGUMENT, f"bad account {request.account_id}")
        account = request.service_account
        account.name, account.email = f"{request.name}/serviceAccounts/{address}", address
        self.project.accounts[address] = account
        return account

    def patch_service_account(self, request: Any) -> Any:
        account = self.project.accounts[request.service_account.name.rsplit("/", 1)[1]]
        for path in request.update_mask.paths:
            setattr(account, path, getattr(request.service_account, path))
        return account

    def get_role(self, request: Any) -> Any:
        if request.name not in self.project.roles:
            raise missing(request.name)
        return self.project.roles[request.name]

    def create_role(self, request: Any) -> Any:
        name = f"{request.parent}/roles/{request.role_id}"
        if name in self.project.roles:
            raise there_already(name)
        role = request.role
        role.name = name
        self.project.roles[name] = role
        return role

    def update_role(self, request: Any) -> Any:
        role = self.project.roles[request.name]
        if role.deleted:
            raise RefusedError(code_pb2.FAILED_PRECONDITION, f"{request.name} is deleted")
        for path in request.update_mask.paths:
            setattr(role, path, getattr(request.role, path))
        return role

    def undelete_role(self, request: Any) -> Any:
        self.project.roles[request.name].deleted = False
        return self.project.roles[request.name]

    # policies of all kinds

    def get_iam_policy(self, request: Any) -> policy_pb2.Policy:
        policy = policy_pb2.Policy()
        policy.CopyFrom(self.project.policy(request.resource))
        if self.project.meanwhile is not None:
            interloper, self.project.meanwhile = self.project.meanwhile, None
            interloper()
        return policy

    def set_iam_policy(self, request: Any) -> policy_pb2.Policy:
        live = self.project.policy(request.resource)
        if request.policy.etag != live.etag:
            raise RefusedError(code_pb2.ABORTED, "There were concurrent policy changes.")
        conditional = any(binding.HasField("condition") for binding in live.bindings)
        if conditional and request.policy.version != 3:
            raise RefusedError(code_pb2.INVALID_ARGUMENT, "version 3 is needed to keep conditions")
        for binding in request.policy.bindings:
            for member in binding.members:
                if not self.project.knows(member):
                    raise RefusedError(code_pb2.INVALID_ARGUMENT, f"Service account {member} does not exist.")
        self.project.policies[request.resource] = policy_pb2.Policy()
        self.project.policies[request.resource].CopyFrom(request.policy)
        self.project.policies[request.resource].etag = str(self._new()).encode()
        return self.project.policies[request.resource]

    # taxonomy and tag

    def list_taxonomies(self, request: Any) -> Any:
        found = [each for name, each in self.project.taxonomies.items() if name.startswith(request.parent)]
        return catalog.ListTaxonomiesResponse(taxonomies=found)

    def create_taxonomy(self, request: Any) -> Any:
        if any(
            each.display_name == request.taxonomy.display_name for each in self.project.taxonomies.values()
        ):
            raise there_already(request.taxonomy.display_name)
        taxonomy = request.taxonomy
        taxonomy.name = f"{request.parent}/taxonomies/{self._new()}"
        self.project.taxonomies[taxonomy.name] = taxonomy
        return taxonomy

    def update_taxonomy(self, request: Any) -> Any:
        taxonomy = self.project.taxonomies[request.taxonomy.name]
        for path in request.update_mask.paths:
            setattr(taxonomy, path, getattr(request.taxonomy, path))
        return taxonomy

    def list_policy_tags(self, request: Any) -> Any:
        found = [each for name, each in self.project.tags.items() if name.startswith(f"{request.parent}/")]
        return catalog.ListPolicyTagsResponse(policy_tags=found)

    def create_policy_tag(self, request: Any) -> Any:
        if request.parent not in self.project.taxonomies:
            raise missing(request.parent)
        tag = request.policy_tag
        tag.name = f"{request.parent}/policyTags/{self._new()}"
        self.project.tags[tag.name] = tag
        return tag

    # masks

    def get_data_policy(self, request: Any) -> Any:
        if request.name not in self.project.masks:
            raise missing(request.name)
        return self.project.masks[request.name]

    def create_data_policy(self, request: Any) -> Any:
        mask = request.data_policy
        mask.name = f"{request.parent}/dataPolicies/{mask.data_policy_id}"
        if mask.name in self.project.masks:
            raise there_already(mask.name)
        if mask.policy_tag not in self.project.tags:
            raise missing(mask.policy_tag)
        self.project.masks[mask.name] = mask
        return mask

    def update_data_policy(self, request: Any) -> Any:
        mask = self.project.masks[request.data_policy.name]
        for path in request.update_mask.paths:
            setattr(mask, path, getattr(request.data_policy, path))
        return mask


METHODS: dict[str, dict[str, Any]] = {
    "google.api.serviceusage.v1.ServiceUsage": {
        "GetService": usage.GetServiceRequest,
        "EnableService": usage.EnableServiceRequest,
    },
    "google.iam.admin.v1.IAM": {
        "GetServiceAccount": iam.GetServiceAccountRequest,
        "CreateServiceAccount": iam.CreateServiceAccountRequest,
        "PatchServiceAccount": iam.PatchServiceAccountRequest,
        "GetRole": iam.GetRoleRequest,
        "CreateRole": iam.CreateRoleRequest,
        "UpdateRole": iam.UpdateRoleRequest,
        "UndeleteRole": iam.UndeleteRoleRequest,
    },
    "google.cloud.resourcemanager.v3.Projects": {},
    "google.cloud.datacatalog.v1.PolicyTagManager": {
        "ListTaxonomies": catalog.ListTaxonomiesRequest,
        "CreateTaxonomy": catalog.CreateTaxonomyRequest,
        "UpdateTaxonomy": catalog.UpdateTaxonomyRequest,
        "ListPolicyTags": catalog.ListPolicyTagsRequest,
        "CreatePolicyTag": catalog.CreatePolicyTagRequest,
    },
    "google.cloud.bigquery.datapolicies.v1.DataPolicyService": {
        "GetDataPolicy": policies.GetDataPolicyRequest,
        "CreateDataPolicy": policies.CreateDataPolicyRequest,
        "UpdateDataPolicy": policies.UpdateDataPolicyRequest,
    },
}
WITH_POLICIES = tuple(METHODS)[2:]


def start(project: Project) -> tuple[grpc.Server, str]:
    """Serve the project on a free loopback port; return the server and its address."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    apis = Apis(project)
    for service, methods in METHODS.items():
        policy_calls = {
            "GetIamPolicy": iam_policy_pb2.GetIamPolicyRequest,
            "SetIamPolicy": iam_policy_pb2.SetIamPolicyRequest,
        }
        known = methods | (policy_calls if service in WITH_POLICIES else {})
        handlers = {name: _handler(apis, service, name, kind) for name, kind in known.items()}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"


def _handler(apis: Apis, service: str, name: str, request_type: Any) -> Any:
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).strip("_")
    method = getattr(apis, snake)
    project = apis.project

    def call(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            api = SERVICE_OF.get(service)
            if api is not None and api not in project.enabled:
                raise RefusedError(
                    code_pb2.PERMISSION_DENIED,
                    f"{api} has not been used in project 1 before or it is disabled.",
                    "SERVICE_DISABLED",
                    service=api,
                )
            if name in project.denied:
                raise RefusedError(
                    code_pb2.PERMISSION_DENIED, f"Permission denied for {name}.", "IAM_PERMISSION_DENIED"
                )
            answer = method(request)
        except RefusedError as refusal:
            context.abort_with_status(rpc_status.to_status(refusal.status))
        if not name.startswith(("Get", "List")):
            project.writes.append(name)
        return answer

    is_plus = hasattr(request_type, "deserialize")
    return grpc.unary_unary_rpc_method_handler(
        call,
        request_deserializer=request_type.deserialize if is_plus else request_type.FromString,
        response_serializer=_serialize,
    )


def _serialize(answer: Any) -> bytes:
    plus = hasattr(type(answer), "serialize")
    data: bytes = type(answer).serialize(answer) if plus else answer.SerializeToString()
    return data
