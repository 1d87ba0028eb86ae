"""What there should be in the project, from the settings and the metadata alone.

`foundation` needs nothing; `protected` needs the name that Google gave the policy tag.
"""

from config.settings import Layer, Settings
from metadata import naming
from metadata.mappings import EventMapping, HubMapping
from metadata.spec import Catalog
from warehouse.ledger import tables
from warehouse.raw_tables import raw_layout
from warehouse.setup import rights
from warehouse.setup.resources import (
    Api,
    Dataset,
    Grant,
    Mask,
    PolicyTag,
    ProjectAccess,
    Resource,
    RowPolicy,
    Table,
)

APIS = (
    "cloudresourcemanager.googleapis.com",  # the project's policy
    "iam.googleapis.com",  # service accounts
    "iamcredentials.googleapis.com",  # acting as one of them
    "bigquery.googleapis.com",
    "datacatalog.googleapis.com",  # policy tags
    "bigquerydatapolicy.googleapis.com",  # masks
)
# Columns of every type are personal: texts, a photo. NULL is the one mask that fits all, and a hash of a
# telephone number is found by hashing them all.
MASK = "ALWAYS_NULL"
# Stands for the policy tag before it is made, in a dry run: as long as a real name, and never one.
NO_TAG_YET = "projects/-/locations/-/taxonomies/0/policyTags/0"

_DESCRIPTIONS: dict[Layer, str] = {
    "raw": "Every change of every source table, as it came.",
    "staging": "What the raw vault has not loaded yet, with hash keys.",
    "raw_vault": "Hubs, links and satellites: every state, never updated.",
    "business_vault": "Points in time and bridges, computed from the raw vault.",
    "marts": "The star schema for reports.",
    "audit": "The ledger of the loads, and what they must add up to.",
}
_DAY_MS = 24 * 60 * 60 * 1000


def foundation(settings: Settings) -> tuple[Resource, ...]:
    """APIs, accounts and their roles, datasets and the policy tag, each after what it needs."""
    accounts = rights.accounts(settings)
    members = frozenset(account.member for account in accounts.values())
    return (
        *(Api(settings.project, name) for name in APIS),
        *accounts.values(),
        rights.tagger(settings),
        ProjectAccess(f"projects/{settings.project}", rights.project_grants(settings), members),
        *(_dataset(settings, layer) for layer in rights.LAYERS),
        policy_tag(settings),
    )


def policy_tag(settings: Settings) -> PolicyTag:
    """The tag of personal columns; a taxonomy must lie where the datasets do."""
    accounts = rights.accounts(settings)
    readers = {accounts["loader"].member, accounts["transformer"].member} | rights.personal_readers(settings)
    return PolicyTag(
        settings.project,
        settings.bigquery_location.lower(),
        f"{settings.dataset_prefix}_personal",
        "personal",
        "Tells something of a person.",
        frozenset(Grant(rights.FINE_GRAINED_READER, member) for member in readers),
        frozenset(account.member for account in accounts.values()),
    )


def protected(settings: Settings, catalog: Catalog, tag: str) -> tuple[Resource, ...]:
    """The mask, the tables of ingestion with the tag on personal columns, and who sees personal rows."""
    tagged = settings.model_copy(update={"personal_policy_tag": tag})
    accounts = rights.accounts(settings)
    layouts = [raw_layout(tagged, table) for table in catalog.tables] + tables.layouts(tagged)
    mask = Mask(
        policy_tag(settings).parent,
        f"{settings.dataset_prefix}_personal",
        tag,
        MASK,
        # nobody is shown both: which of the two would win is no thing to rely on
        frozenset(
            Grant(rights.MASKED_READER, member)
            for member in {accounts["reader"].member} - rights.personal_readers(settings)
        ),
        frozenset(account.member for account in accounts.values()),
    )
    seers = frozenset({accounts["transformer"].member}) | rights.personal_readers(settings)
    dataset = f"{settings.project}.{settings.dataset('raw_vault')}"
    return (
        mask,
        *(Table(layout) for layout in layouts),
        *(
            RowPolicy(f"{dataset}.{name}", f"{settings.dataset_prefix}_personal", seers)
            for name in personal_satellites(catalog)
        ),
    )


def personal_satellites(catalog: Catalog) -> tuple[str, ...]:
    """The satellites of the raw vault that hold personal data: tables that are only ever added to."""
    return tuple(
        naming.satellite(table.vault.concept, satellite.topic)
        for table in catalog.tables
        if isinstance(table.vault, HubMapping | EventMapping)
        for satellite in table.vault.satellites
        if satellite.personal
    )


def _dataset(settings: Settings, layer: Layer) -> Dataset:
    shared = layer in rights.SHARED_WITH_MARTS
    expires = layer == "staging" and settings.staging_expiration_days > 0
    return Dataset(
        f"{settings.project}.{settings.dataset(layer)}",
        settings.bigquery_location,
        _DESCRIPTIONS[layer],
        (("app", "wwi"), ("layer", layer)),
        rights.dataset_grants(settings, layer),
        frozenset(account.name for account in rights.accounts(settings).values()),
        (settings.dataset("marts"),) if shared else (),
        settings.staging_expiration_days * _DAY_MS if expires else None,
    )
