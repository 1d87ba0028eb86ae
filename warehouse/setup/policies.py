"""Merge the planned grants into an IAM policy that others also change."""

from collections.abc import Callable, Iterable

from google.iam.v1 import policy_pb2

from warehouse.setup.resources import Grant

IsGoverned = Callable[[str], bool]


def unconditional_grants(policy: policy_pb2.Policy) -> frozenset[Grant]:
    """Return the grants of the policy that have no condition."""
    return frozenset(
        Grant(binding.role, member)
        for binding in policy.bindings
        if not binding.HasField("condition")
        for member in binding.members
    )


def changes(
    policy: policy_pb2.Policy,
    wanted: frozenset[Grant],
    ours: frozenset[str],
    governs: IsGoverned = lambda _: True,
) -> tuple[frozenset[Grant], frozenset[Grant]]:
    """Return the grants to add and the grants to revoke.

    Only grants of the managed accounts are revoked, and only roles that the plan `governs`.
    """
    holds = unconditional_grants(policy)
    excess = {grant for grant in holds - wanted if grant.member in ours and governs(grant.role)}
    return wanted - holds, frozenset(excess)


def describe(to_grant: Iterable[Grant], to_revoke: Iterable[Grant]) -> list[str]:
    """Return the changes as text."""
    given = [f"grant {grant.role} to {grant.member}" for grant in sorted(to_grant)]
    return given + [f"revoke {grant.role} from {grant.member}" for grant in sorted(to_revoke)]


def merged(
    policy: policy_pb2.Policy, to_grant: frozenset[Grant], to_revoke: frozenset[Grant]
) -> policy_pb2.Policy:
    """Return the policy with the changes; its etag and conditional bindings are kept."""
    result = policy_pb2.Policy()
    result.CopyFrom(policy)
    del result.bindings[:]
    open_roles = set()
    for binding in policy.bindings:
        if binding.HasField("condition"):
            result.bindings.add().CopyFrom(binding)
            continue
        open_roles.add(binding.role)
        members = set(binding.members) | {grant.member for grant in to_grant if grant.role == binding.role}
        members -= {grant.member for grant in to_revoke if grant.role == binding.role}
        if members:
            result.bindings.add(role=binding.role, members=sorted(members))
    for role in sorted({grant.role for grant in to_grant} - open_roles):
        result.bindings.add(
            role=role, members=sorted(grant.member for grant in to_grant if grant.role == role)
        )
    return result
