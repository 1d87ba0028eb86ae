"""The clients of the Google APIs that the set-up talks to."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.api_core.client_options import ClientOptions
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery

from config.errors import PermanentError
from config.settings import Settings
from warehouse import client as warehouse_client
from warehouse.client import CLOUD_SCOPE

if TYPE_CHECKING:
    from google.cloud.bigquery_datapolicies_v1 import DataPolicyServiceClient
    from google.cloud.datacatalog_v1 import PolicyTagManagerClient
    from google.cloud.iam_admin_v1 import IAMClient
    from google.cloud.resourcemanager_v3 import ProjectsClient
    from google.cloud.service_usage_v1 import ServiceUsageClient

# Seconds until one call is given up.
LIMIT_S = 60


@dataclass(frozen=True)
class Clients:
    """One client per API."""

    bigquery: bigquery.Client
    services: "ServiceUsageClient"
    iam: "IAMClient"
    projects: "ProjectsClient"
    tags: "PolicyTagManagerClient"
    masks: "DataPolicyServiceClient"


def connect(settings: Settings) -> Clients:
    """Return clients with Application Default Credentials; nothing is sent yet.

    Never with those of an account to act as: the accounts are what is set up here. Raises PermanentError when
    the target is not a project, or no credentials are found.
    """
    # ruff: noqa: PLC0415 - three seconds that only the set-up spends
    if settings.target != "bigquery":
        raise PermanentError(
            "there is no project to set up: WWI_TARGET is local. Set WWI_TARGET=bigquery, "
            "WWI_BIGQUERY_PROJECT and, where it is not US, WWI_BIGQUERY_LOCATION."
        )
    import google.auth
    from google.cloud.bigquery_datapolicies_v1 import DataPolicyServiceClient
    from google.cloud.datacatalog_v1 import PolicyTagManagerClient
    from google.cloud.iam_admin_v1 import IAMClient
    from google.cloud.resourcemanager_v3 import ProjectsClient
    from google.cloud.service_usage_v1 import ServiceUsageClient

    project = settings.project
    client = warehouse_client.connect(settings.model_copy(update={"impersonate_service_account": None}))
    # a person's credentials belong to no project, and some of these APIs want one to count the call against
    options = ClientOptions(quota_project_id=project)
    try:
        credentials, _ = google.auth.default(scopes=[CLOUD_SCOPE])
    except GoogleAuthError as error:
        raise PermanentError(
            f"no credentials for project {project}: {error}. Run `gcloud auth application-default login`."
        ) from error
    return Clients(
        bigquery=client,
        services=ServiceUsageClient(credentials=credentials, client_options=options),
        iam=IAMClient(credentials=credentials, client_options=options),
        projects=ProjectsClient(credentials=credentials, client_options=options),
        tags=PolicyTagManagerClient(credentials=credentials, client_options=options),
        masks=DataPolicyServiceClient(credentials=credentials, client_options=options),
    )
