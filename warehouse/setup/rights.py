"""The rights of each service account: the least that its work needs.

loader        runs `wwi ingest`: reads Postgres, appends to raw, writes the ledger.
transformer   runs `wwi build` and `wwi reconcile`: reads raw, writes the dbt models and the ledger.
reader        is used by Holistics: reads the marts, nothing else.

Only the setup creates, changes and shares datasets, so no account may do that: dbt creates only datasets
that are missing.
"""

from config.errors import PermanentError
from config.settings import Layer, Settings
from warehouse.setup.resources import CustomRole, Grant, ServiceAccount

LAYERS: tuple[Layer, ...] = ("marts", "raw", "staging", "raw_vault", "business_vault", "audit")

# BigQuery returns dataViewer and dataEditor under these names. Both include reading the dataset and listing
# its tables, which INFORMATION_SCHEMA and `datasets.list` need.
READ = "READER"
EDIT = "WRITER"

DATASET_ROLES: dict[str, dict[Layer, str]] = {
    "loader": {"raw": EDIT, "audit": EDIT},
    "transformer": {
        "raw": READ,
        "staging": EDIT,
        "raw_vault": EDIT,
        "business_vault": EDIT,
        "marts": EDIT,
        # dbt records the batches that the vault has loaded; the lease is here, too
        "audit": EDIT,
    },
    "reader": {"marts": READ},
}

# To run jobs. It gives no access to data.
JOB_USER = "roles/bigquery.jobUser"
# To read tagged columns. Accounts that write personal data also compare it.
FINE_GRAINED_READER = "roles/datacatalog.categoryFineGrainedReader"
# To see the mask instead of an error.
MASKED_READER = "roles/bigquerydatapolicy.maskedReader"

_DESCRIPTIONS = {
    "loader": "Copies Postgres to the raw dataset and keeps the ledger.",
    "transformer": "Builds the vault and the marts with dbt and reconciles them.",
    "reader": "Reads the marts, for Holistics.",
}

# Views in the marts read these on behalf of the reader. The whole dataset is authorised, because the
# authorisation of a single view ends when dbt replaces the view.
READ_BY_MART_VIEWS: tuple[Layer, ...] = ("raw_vault", "business_vault", "audit")


def accounts(settings: Settings) -> dict[str, ServiceAccount]:
    """Return the accounts by their work. Raises PermanentError when the prefix is too long for a name."""
    prefix = settings.dataset_prefix.replace("_", "-").rstrip("-")
    made = {
        work: ServiceAccount(
            settings.project, f"{prefix}-{work}", f"{settings.dataset_prefix} {work}", description
        )
        for work, description in _DESCRIPTIONS.items()
    }
    for account in made.values():
        if not 6 <= len(account.account_id) <= 30:  # Google's own limits
            raise PermanentError(
                f"service account '{account.account_id}' has {len(account.account_id)} characters, but "
                "Google allows 6 to 30. Choose another WWI_DATASET_PREFIX."
            )
    return made


def tagger(settings: Settings) -> CustomRole:
    """Return the role to set policy tags. The predefined Data Owner could also share the dataset."""
    return CustomRole(
        settings.project,
        f"{settings.dataset_prefix}_policy_tagger",
        f"{settings.dataset_prefix} policy tagger",
        "Sets policy tags on the columns of tables that the account may change anyway.",
        frozenset({"bigquery.tables.setCategory", "datacatalog.taxonomies.get"}),
    )


def project_grants(settings: Settings) -> frozenset[Grant]:
    """Return the roles on the project: all accounts run jobs, writers also set policy tags."""
    by_work = accounts(settings)
    jobs = {Grant(JOB_USER, account.member) for account in by_work.values()}
    tags = {Grant(tagger(settings).name, by_work[work].member) for work in ("loader", "transformer")}
    return frozenset(jobs | tags)


def dataset_grants(settings: Settings, layer: Layer) -> frozenset[Grant]:
    """Return the roles on the dataset of a layer, by address of the account."""
    by_work = accounts(settings)
    return frozenset(
        Grant(roles[layer], by_work[work].name) for work, roles in DATASET_ROLES.items() if layer in roles
    )


def personal_readers(settings: Settings) -> frozenset[str]:
    """Return the members of WWI_PERSONAL_READERS."""
    return frozenset(filter(None, settings.personal_readers.split(",")))
