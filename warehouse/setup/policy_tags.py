"""The policy tag of personal columns and its mask: find, compare, make."""

from dataclasses import dataclass
from typing import Any

from google.api_core.exceptions import NotFound
from google.iam.v1 import policy_pb2

from warehouse.setup import policies
from warehouse.setup.clients import LIMIT_S, Clients
from warehouse.setup.errors import read_and_write, refusals
from warehouse.setup.resources import Mask, PolicyTag, Step, step

# ruff: noqa: PLC0415 - the types come with their clients, which only the set-up imports

TAG_ADMIN = "roles/datacatalog.categoryAdmin"
MASK_ADMIN = "roles/bigquerydatapolicy.admin"


@dataclass(frozen=True)
class FoundTag:
    """What there is of a tag: the names Google gave, and who may read tagged columns. None: not there."""

    taxonomy: str | None = None
    enforced: bool = False
    name: str | None = None
    policy: policy_pb2.Policy | None = None


@dataclass(frozen=True)
class FoundMask:
    """A mask as it is, and who is shown it."""

    mask: Any
    policy: policy_pb2.Policy


def find_tag(clients: Clients, wanted: PolicyTag) -> FoundTag:
    """Look for the taxonomy and the tag by the names that people gave them."""
    from google.cloud.datacatalog_v1 import Taxonomy

    with refusals(f"taxonomy {wanted.taxonomy}", wanted.project, TAG_ADMIN):
        taxonomies = clients.tags.list_taxonomies(request={"parent": wanted.parent}, timeout=LIMIT_S)
        taxonomy = next((each for each in taxonomies if each.display_name == wanted.taxonomy), None)
        if taxonomy is None:
            return FoundTag()
        kind = Taxonomy.PolicyType.FINE_GRAINED_ACCESS_CONTROL
        enforced = kind in taxonomy.activated_policy_types
        tags = clients.tags.list_policy_tags(request={"parent": taxonomy.name}, timeout=LIMIT_S)
        tag = next((each for each in tags if each.display_name == wanted.name), None)
        if tag is None:
            return FoundTag(taxonomy.name, enforced)
        policy = clients.tags.get_iam_policy(request={"resource": tag.name}, timeout=LIMIT_S)
    return FoundTag(taxonomy.name, enforced, tag.name, policy)


def compare_tag(wanted: PolicyTag, found: FoundTag | None) -> Step:
    """Whether it is enforced, and who may read tagged columns."""
    name = f"{wanted.taxonomy}/{wanted.name}"
    differences = []
    if found is not None and found.policy is not None:
        differences += [] if found.enforced else ["not enforced"]
        differences += policies.describe(*policies.changes(found.policy, wanted.grants, wanted.ours))
    exists = found is not None and found.name is not None
    return step("policy tag", name, exists=exists, differences=differences)


def make_tag(clients: Clients, wanted: PolicyTag, found: FoundTag | None) -> None:
    """Make what lacks of taxonomy and tag, enforce it, and say who may read."""
    from google.cloud.datacatalog_v1 import Taxonomy

    found = found or FoundTag()
    enforced = [Taxonomy.PolicyType.FINE_GRAINED_ACCESS_CONTROL]
    with refusals(f"taxonomy {wanted.taxonomy}", wanted.project, TAG_ADMIN):
        taxonomy = found.taxonomy
        if taxonomy is None:
            new = {
                "display_name": wanted.taxonomy,
                "description": wanted.description,
                "activated_policy_types": enforced,
            }
            made = clients.tags.create_taxonomy(
                request={"parent": wanted.parent, "taxonomy": new}, timeout=LIMIT_S
            )
            taxonomy = made.name
        elif not found.enforced:
            clients.tags.update_taxonomy(
                request={
                    "taxonomy": {"name": taxonomy, "activated_policy_types": enforced},
                    "update_mask": {"paths": ["activated_policy_types"]},
                },
                timeout=LIMIT_S,
            )
        tag = found.name
        if tag is None:
            named = {"display_name": wanted.name, "description": wanted.description}
            request = {"parent": taxonomy, "policy_tag": named}
            tag = clients.tags.create_policy_tag(request=request, timeout=LIMIT_S).name
        read_and_write(lambda: _grant(clients.tags, tag, wanted))


def find_mask(clients: Clients, wanted: Mask) -> FoundMask | None:
    """Return the mask and who is shown it, or None."""
    with refusals(f"mask {wanted.name}", wanted.name.split("/")[1], MASK_ADMIN):
        try:
            mask = clients.masks.get_data_policy(request={"name": wanted.name}, timeout=LIMIT_S)
        except NotFound:
            return None
        policy = clients.masks.get_iam_policy(request={"resource": wanted.name}, timeout=LIMIT_S)
    return FoundMask(mask, policy)


def compare_mask(wanted: Mask, found: FoundMask | None) -> Step:
    """Another tag, another expression, or others who see it."""
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
    """Make or change the mask, and show it to those who should see it."""
    from google.cloud.bigquery_datapolicies_v1 import DataMaskingPolicy, DataPolicy

    mask = DataPolicy(
        policy_tag=wanted.policy_tag,
        data_policy_type=DataPolicy.DataPolicyType.DATA_MASKING_POLICY,
        data_masking_policy=DataMaskingPolicy(predefined_expression=wanted.expression),
    )
    with refusals(f"mask {wanted.name}", wanted.name.split("/")[1], MASK_ADMIN):
        if found is None:
            mask.data_policy_id = wanted.policy_id
            clients.masks.create_data_policy(
                request={"parent": wanted.parent, "data_policy": mask}, timeout=LIMIT_S
            )
        else:
            mask.name = wanted.name
            paths = ["policy_tag", "data_masking_policy"]
            clients.masks.update_data_policy(
                request={"data_policy": mask, "update_mask": {"paths": paths}}, timeout=LIMIT_S
            )
        read_and_write(lambda: _grant(clients.masks, wanted.name, wanted))


def _grant(client: Any, resource: str, wanted: PolicyTag | Mask) -> None:
    """Merge our readers into the policy of a tag or a mask, when they are not in it."""
    policy = client.get_iam_policy(request={"resource": resource}, timeout=LIMIT_S)
    more, less = policies.changes(policy, wanted.grants, wanted.ours)
    if more or less:
        new = policies.merged(policy, more, less)
        client.set_iam_policy(request={"resource": resource, "policy": new}, timeout=LIMIT_S)
