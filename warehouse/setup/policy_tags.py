"""The policy tag of personal columns and its mask: find, compare, make."""

from dataclasses import dataclass
from typing import Any

from google.api_core.exceptions import NotFound
from google.iam.v1 import policy_pb2

from warehouse.setup import policies
from warehouse.setup.clients import CALL_TIMEOUT_S, Clients
from warehouse.setup.errors import retry_read_and_write, translated_errors
from warehouse.setup.resources import Mask, PolicyTag, Step, step

# ruff: noqa: PLC0415 - the types are in the client packages, which only the setup imports

TAG_ADMIN = "roles/datacatalog.categoryAdmin"
MASK_ADMIN = "roles/bigquerydatapolicy.admin"


@dataclass(frozen=True)
class FoundTag:
    """The existing taxonomy and tag: their Google names, and who may read tagged columns. None: missing."""

    taxonomy: str | None = None
    enforced: bool = False
    name: str | None = None
    policy: policy_pb2.Policy | None = None


@dataclass(frozen=True)
class FoundMask:
    """The existing mask, and who sees it."""

    mask: Any
    policy: policy_pb2.Policy


def find_tag(clients: Clients, wanted: PolicyTag) -> FoundTag:
    """Find the taxonomy and the tag by their display names."""
    from google.cloud.datacatalog_v1 import Taxonomy

    with translated_errors(f"taxonomy {wanted.taxonomy}", wanted.project, TAG_ADMIN):
        taxonomies = clients.tags.list_taxonomies(request={"parent": wanted.parent}, timeout=CALL_TIMEOUT_S)
        taxonomy = next((each for each in taxonomies if each.display_name == wanted.taxonomy), None)
        if taxonomy is None:
            return FoundTag()
        kind = Taxonomy.PolicyType.FINE_GRAINED_ACCESS_CONTROL
        enforced = kind in taxonomy.activated_policy_types
        tags = clients.tags.list_policy_tags(request={"parent": taxonomy.name}, timeout=CALL_TIMEOUT_S)
        tag = next((each for each in tags if each.display_name == wanted.name), None)
        if tag is None:
            return FoundTag(taxonomy.name, enforced)
        policy = clients.tags.get_iam_policy(request={"resource": tag.name}, timeout=CALL_TIMEOUT_S)
    return FoundTag(taxonomy.name, enforced, tag.name, policy)


def compare_tag(wanted: PolicyTag, found: FoundTag | None) -> Step:
    """Compare whether the tag is enforced, and who may read tagged columns."""
    name = f"{wanted.taxonomy}/{wanted.name}"
    differences = []
    if found is not None and found.policy is not None:
        differences += [] if found.enforced else ["not enforced"]
        differences += policies.describe(*policies.changes(found.policy, wanted.grants, wanted.ours))
    exists = found is not None and found.name is not None
    return step("policy tag", name, exists=exists, differences=differences)


def make_tag(clients: Clients, wanted: PolicyTag, found: FoundTag | None) -> None:
    """Create taxonomy and tag if they are missing, enforce the tag, and grant its readers."""
    from google.cloud.datacatalog_v1 import Taxonomy

    found = found or FoundTag()
    enforced = [Taxonomy.PolicyType.FINE_GRAINED_ACCESS_CONTROL]
    with translated_errors(f"taxonomy {wanted.taxonomy}", wanted.project, TAG_ADMIN):
        taxonomy = found.taxonomy
        if taxonomy is None:
            new = {
                "display_name": wanted.taxonomy,
                "description": wanted.description,
                "activated_policy_types": enforced,
            }
            made = clients.tags.create_taxonomy(
                request={"parent": wanted.parent, "taxonomy": new}, timeout=CALL_TIMEOUT_S
            )
            taxonomy = made.name
        elif not found.enforced:
            clients.tags.update_taxonomy(
                request={
                    "taxonomy": {"name": taxonomy, "activated_policy_types": enforced},
                    "update_mask": {"paths": ["activated_policy_types"]},
                },
                timeout=CALL_TIMEOUT_S,
            )
        tag = found.name
        if tag is None:
            named = {"display_name": wanted.name, "description": wanted.description}
            request = {"parent": taxonomy, "policy_tag": named}
            tag = clients.tags.create_policy_tag(request=request, timeout=CALL_TIMEOUT_S).name
        retry_read_and_write(lambda: _grant(clients.tags, tag, wanted))


def find_mask(clients: Clients, wanted: Mask) -> FoundMask | None:
    """Return the mask and who sees it, or None."""
    with translated_errors(f"mask {wanted.name}", wanted.name.split("/")[1], MASK_ADMIN):
        try:
            mask = clients.masks.get_data_policy(request={"name": wanted.name}, timeout=CALL_TIMEOUT_S)
        except NotFound:
            return None
        policy = clients.masks.get_iam_policy(request={"resource": wanted.name}, timeout=CALL_TIMEOUT_S)
    return FoundMask(mask, policy)


def compare_mask(wanted: Mask, found: FoundMask | None) -> Step:
    """Compare tag, expression and readers of the mask."""
    differences = []
    if found is not None:
        expression = found.mask.data_masking_policy.predefined_expression.name
        differences += [f"masks with {expression}"] if expression != wanted.expression else []
        differences += (
            [f"is on {found.mask.policy_tag}"] if found.mask.policy_tag != wanted.policy_tag else []
        )
        differences += policies.describe(*policies.changes(found.policy, wanted.grants, wanted.ours))
    return step("mask", wanted.name, exists=found is not None, differences=differences)


def make_mask(clients: Clients, wanted: Mask, found: FoundMask | None) -> None:
    """Create or change the mask, and grant it to its readers."""
    from google.cloud.bigquery_datapolicies_v1 import DataMaskingPolicy, DataPolicy

    mask = DataPolicy(
        policy_tag=wanted.policy_tag,
        data_policy_type=DataPolicy.DataPolicyType.DATA_MASKING_POLICY,
        data_masking_policy=DataMaskingPolicy(predefined_expression=wanted.expression),
    )
    with translated_errors(f"mask {wanted.name}", wanted.name.split("/")[1], MASK_ADMIN):
        if found is None:
            mask.data_policy_id = wanted.policy_id
            clients.masks.create_data_policy(
                request={"parent": wanted.parent, "data_policy": mask}, timeout=CALL_TIMEOUT_S
            )
        else:
            mask.name = wanted.name
            paths = ["policy_tag", "data_masking_policy"]
            clients.masks.update_data_policy(
                request={"data_policy": mask, "update_mask": {"paths": paths}}, timeout=CALL_TIMEOUT_S
            )
        retry_read_and_write(lambda: _grant(clients.masks, wanted.name, wanted))


def _grant(client: Any, resource: str, wanted: PolicyTag | Mask) -> None:
    """Merge the planned readers into the policy of a tag or a mask if they differ."""
    policy = client.get_iam_policy(request={"resource": resource}, timeout=CALL_TIMEOUT_S)
    to_grant, to_revoke = policies.changes(policy, wanted.grants, wanted.ours)
    if to_grant or to_revoke:
        new = policies.merged(policy, to_grant, to_revoke)
        client.set_iam_policy(request={"resource": resource, "policy": new}, timeout=CALL_TIMEOUT_S)
