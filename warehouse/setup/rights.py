"""Who may do what, and why: the least that each account's work needs.

loader        runs `wwi ingest`: reads Postgres, appends to raw, keeps the ledger.
transformer   runs `wwi build` and `wwi reconcile`: reads raw, writes what dbt makes, notes it in the ledger.
reader        what Holistics asks with: the marts, nothing else.

Datasets are made by the set-up alone, so no account may make one: dbt lists the datasets it can see and
makes only those that are missing. Changing or sharing a dataset is left to the set-up, too.
"""

from config.errors import PermanentError
from config.settings import Layer, Settings
from warehouse.setup.resources import CustomRole, Grant, ServiceAccount

LAYERS: tuple[Layer, ...] = ("marts", "raw", "staging", "raw_vault", "business_vault", "audit")

# The names under which BigQuery gives dataViewer and dataEditor back, whichever were sent. Both include
# reading the dataset and listing its tables, which INFORMATION_SCHEMA and `datasets.list` ask for.
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
        # dbt notes which batches the vault holds, the lease who builds
        "audit": EDIT,
    },
    "reader": {"marts": READ},
}

# To run a query or a load at all. It reads nothing by itself.
JOB_USER = "roles/bigquery.jobUser"
# To read a column that carries the tag. Those who write personal data compare what they write.
FINE_GRAINED_READER = "roles/datacatalog.categoryFineGrainedReader"
# To see the mask instead of an error.
MASKED_READER = "roles/bigquerydatapolicy.maskedReader"

_DESCRIPTIONS = {
    "loader": "Copies Postgres to the raw dataset and keeps the ledger.",
    "transformer": "Builds the vault and the marts with dbt and reconciles them.",
    "reader": "Reads the marts, for Holistics.",
}

# Views in the marts read these on behalf of the reader. The whole dataset is authorised, not each view: an
# authorisation of a view ends when dbt replaces the view.
SHARED_WITH_MARTS: tuple[Layer, ...] = ("raw_vault", "business_vault", "audit")


def accounts(settings: Settings) -> dict[str, ServiceAccount]:
    """Return the accounts by what they do. Raises PermanentError when the prefix is too long for one."""
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
                f"service account '{account.account_id}' has {len(account.account_id)} characters, Google "
                "takes 6 to 30. Choose another WWI_DATASET_PREFIX."
            )
    return made


def tagger(settings: Settings) -> CustomRole:
    """To set the policy tag of a column. Predefined, only Data Owner may, who may also share the dataset."""
    return CustomRole(
        settings.project,
        f"{settings.dataset_prefix}_policy_tagger",
        f"{settings.dataset_prefix} policy tagger",
        "Sets policy tags on the columns of tables that the account may change anyway.",
        frozenset({"bigquery.tables.setCategory", "datacatalog.taxonomies.get"}),
    )


def project_grants(settings: Settings) -> frozenset[Grant]:
    """Roles on the project: to run jobs for all, to set tags for those who write."""
    by_work = accounts(settings)
    jobs = {Grant(JOB_USER, account.member) for account in by_work.values()}
    tags = {Grant(tagger(settings).name, by_work[work].member) for work in ("loader", "transformer")}
    return frozenset(jobs | tags)


def dataset_grants(settings: Settings, layer: Layer) -> frozenset[Grant]:
    """Roles on the dataset of a layer, by the accounts' addresses."""
    by_work = accounts(settings)
    return frozenset(
        Grant(roles[layer], by_work[work].name) for work, roles in DATASET_ROLES.items() if layer in roles
    )


def personal_readers(settings: Settings) -> frozenset[str]:
    """The members of WWI_PERSONAL_READERS."""
    return frozenset(filter(None, settings.personal_readers.split(",")))
