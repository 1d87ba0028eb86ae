"""Merging what we want into an IAM policy that others write, too."""

from collections.abc import Callable, Iterable

from google.iam.v1 import policy_pb2

from warehouse.setup.resources import Grant

IsOurs = Callable[[str], bool]


def held(policy: policy_pb2.Policy) -> frozenset[Grant]:
    """What the policy grants without a condition."""
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
    governs: IsOurs = lambda _: True,
) -> tuple[frozenset[Grant], frozenset[Grant]]:
    """Return what to grant and what to take back.

    Taken back is only what one of our accounts holds, and only roles that the plan `governs`.
    """
    holds = held(policy)
    excess = {grant for grant in holds - wanted if grant.member in ours and governs(grant.role)}
    return wanted - holds, frozenset(excess)


def describe(more: Iterable[Grant], less: Iterable[Grant]) -> list[str]:
    """The changes in words."""
    given = [f"grant {grant.role} to {grant.member}" for grant in sorted(more)]
    return given + [f"take {grant.role} from {grant.member}" for grant in sorted(less)]


def merged(policy: policy_pb2.Policy, more: frozenset[Grant], less: frozenset[Grant]) -> policy_pb2.Policy:
    """Return the policy with the changes; its etag and bindings with a condition stay as they were."""
    result = policy_pb2.Policy()
    result.CopyFrom(policy)
    del result.bindings[:]
    open_roles = set()
    for binding in policy.bindings:
        if binding.HasField("condition"):
            result.bindings.add().CopyFrom(binding)
            continue
        open_roles.add(binding.role)
        members = set(binding.members) | {grant.member for grant in more if grant.role == binding.role}
        members -= {grant.member for grant in less if grant.role == binding.role}
        if members:
            result.bindings.add(role=binding.role, members=sorted(members))
    for role in sorted({grant.role for grant in more} - open_roles):
        result.bindings.add(role=role, members=sorted(grant.member for grant in more if grant.role == role))
    return result
