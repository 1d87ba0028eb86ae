"""`wwi bigquery setup`: compare the planned resources with the project and apply the differences."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from config.errors import PermanentError
from config.settings import Settings
from metadata.spec import Catalog
from warehouse.setup import datasets, plan, policy_tags, project
from warehouse.setup.clients import Clients
from warehouse.setup.errors import ApiDisabledError
from warehouse.setup.resources import (
    Api,
    CustomRole,
    Dataset,
    Mask,
    PolicyTag,
    ProjectAccess,
    Resource,
    RowPolicy,
    ServiceAccount,
    Step,
    Table,
)

logger = logging.getLogger(__name__)


class Kind(NamedTuple):
    """The functions to find, compare and make one kind of resource. Only `make` writes."""

    find: Any
    compare: Any
    make: Any


KINDS: dict[type[Resource], Kind] = {
    Api: Kind(project.find_api, project.compare_api, project.make_api),
    ServiceAccount: Kind(project.find_account, project.compare_account, project.make_account),
    CustomRole: Kind(project.find_role, project.compare_role, project.make_role),
    ProjectAccess: Kind(project.find_access, project.compare_access, project.make_access),
    Dataset: Kind(datasets.find_dataset, datasets.compare_dataset, datasets.make_dataset),
    PolicyTag: Kind(policy_tags.find_tag, policy_tags.compare_tag, policy_tags.make_tag),
    Mask: Kind(policy_tags.find_mask, policy_tags.compare_mask, policy_tags.make_mask),
    Table: Kind(datasets.find_table, datasets.compare_table, datasets.make_table),
    RowPolicy: Kind(datasets.find_rows, datasets.compare_rows, datasets.make_rows),
}


@dataclass(frozen=True)
class SetupReport:
    """The steps that were done, or would be in a dry run, in order; and the policy tag if it exists."""

    dry_run: bool
    steps: tuple[Step, ...]
    policy_tag: str | None
    policy_tag_is_set: bool

    @property
    def pending(self) -> tuple[Step, ...]:
        """Return the steps that create or change something."""
        return tuple(step for step in self.steps if step.action in ("create", "change"))


def set_up(clients: Clients, settings: Settings, catalog: Catalog, *, dry_run: bool) -> SetupReport:
    """Apply the plan to the project; a second run changes nothing. A dry run only reads.

    Raises PermanentError with the missing right or API, TransientError when Google cannot be reached.
    Resources that were already made are kept, and the next run continues.
    """
    steps = list(_steps(clients, plan.foundation(settings), dry_run=dry_run))
    tag = _tag(clients, settings, dry_run=dry_run)
    if tag is None and not dry_run:
        raise PermanentError("the new policy tag cannot be read yet. Run again in a minute.")
    steps += _steps(clients, plan.protected(settings, catalog, tag or plan.NO_TAG_YET), dry_run=dry_run)
    return SetupReport(dry_run, tuple(steps), tag, tag is not None and settings.personal_policy_tag == tag)


def _steps(clients: Clients, wanted: tuple[Resource, ...], *, dry_run: bool) -> Iterator[Step]:
    for resource in wanted:
        kind = KINDS[type(resource)]
        found = _find(clients, resource, dry_run=dry_run)
        step: Step = kind.compare(resource, found)
        logger.info("%s %s %s", step.action, step.kind, step.name)
        if step.action in ("create", "change") and not dry_run:
            kind.make(clients, resource, found)
        yield step


def _find(clients: Clients, resource: Resource, *, dry_run: bool) -> Any:
    """Return the existing resource. In a dry run a disabled API means that it does not exist yet."""
    try:
        return KINDS[type(resource)].find(clients, resource)
    except ApiDisabledError:
        if not dry_run:
            raise
        return None


def _tag(clients: Clients, settings: Settings, *, dry_run: bool) -> str | None:
    found = _find(clients, plan.policy_tag(settings), dry_run=dry_run)
    return found.name if found is not None else None
