"""Plan the resources of the project from the settings and the metadata.

`foundation` comes first; `protected` needs the name that Google gave the policy tag.
"""

from config.settings import Layer, Settings
from metadata import naming
from metadata.mappings import HubMapping, NonHistorizedLinkMapping
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
# Personal columns have different types, and only NULL masks all of them. A hash would not protect: all
# telephone numbers can be hashed and compared.
MASK = "ALWAYS_NULL"
# Placeholder of the policy tag in a dry run before it exists.
NO_TAG_YET = "projects/-/locations/-/taxonomies/0/policyTags/0"

_DESCRIPTIONS: dict[Layer, str] = {
    "raw": "Every change of every source table, unchanged.",
    "staging": "Rows of pending batches, with hash keys.",
    "raw_vault": "Hubs, links and satellites with the full history; rows are never updated.",
    "business_vault": "Point-in-time tables and bridges, computed from the raw vault.",
    "marts": "The star schema for reports.",
    "audit": tables.DESCRIPTION,
}
_DAY_MS = 24 * 60 * 60 * 1000


def foundation(settings: Settings) -> tuple[Resource, ...]:
    """Return APIs, accounts, roles, datasets and the policy tag, each after what it depends on."""
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
    """Return the policy tag of personal columns; its taxonomy must be in the location of the datasets."""
    accounts = rights.accounts(settings)
    readers = {accounts["loader"].member, accounts["transformer"].member} | rights.personal_readers(settings)
    return PolicyTag(
        settings.project,
        settings.bigquery_location.lower(),
        f"{settings.dataset_prefix}_personal",
        "personal",
        "Columns with personal data.",
        frozenset(Grant(rights.FINE_GRAINED_READER, member) for member in readers),
        frozenset(account.member for account in accounts.values()),
    )


def protected(settings: Settings, catalog: Catalog, tag: str) -> tuple[Resource, ...]:
    """Return the mask, the ingestion tables with tagged personal columns, and the row access policies."""
    tagged = settings.model_copy(update={"personal_policy_tag": tag})
    accounts = rights.accounts(settings)
    layouts = [raw_layout(tagged, table) for table in catalog.tables] + tables.layouts(tagged)
    mask = Mask(
        policy_tag(settings).parent,
        f"{settings.dataset_prefix}_personal",
        tag,
        MASK,
        # nobody gets both the mask and the plain value: it is not documented which one wins
        frozenset(
            Grant(rights.MASKED_READER, member)
            for member in {accounts["reader"].member} - rights.personal_readers(settings)
        ),
        frozenset(account.member for account in accounts.values()),
    )
    row_readers = frozenset({accounts["transformer"].member}) | rights.personal_readers(settings)
    dataset = f"{settings.project}.{settings.dataset('raw_vault')}"
    return (
        mask,
        *(Table(layout) for layout in layouts),
        *(
            RowPolicy(f"{dataset}.{name}", f"{settings.dataset_prefix}_personal", row_readers)
            for name in personal_satellites(catalog)
        ),
    )


def personal_satellites(catalog: Catalog) -> tuple[str, ...]:
    """Return the satellites of the raw vault with personal data. They are appended to, never replaced."""
    return tuple(
        naming.satellite(table.vault.concept, satellite.topic)
        for table in catalog.tables
        if isinstance(table.vault, HubMapping | NonHistorizedLinkMapping)
        for satellite in table.vault.satellites
        if satellite.personal
    )


def _dataset(settings: Settings, layer: Layer) -> Dataset:
    shared = layer in rights.READ_BY_MART_VIEWS
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
