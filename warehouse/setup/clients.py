"""The clients of the Google APIs that the setup calls."""

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

# Timeout of one API call, in seconds.
CALL_TIMEOUT_S = 60


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
    """Return clients with Application Default Credentials; they send no request yet.

    They never impersonate a service account, because the setup creates these accounts. Raises PermanentError
    when the target is not a project, or no credentials are found.
    """
    # ruff: noqa: PLC0415 - these imports take three seconds, and only the setup needs them
    if settings.target != "bigquery":
        raise PermanentError(
            "there is no project to set up: WWI_TARGET is local. Set WWI_TARGET=bigquery, "
            "WWI_BIGQUERY_PROJECT and, if it is not US, WWI_BIGQUERY_LOCATION."
        )
    import google.auth
    from google.cloud.bigquery_datapolicies_v1 import DataPolicyServiceClient
    from google.cloud.datacatalog_v1 import PolicyTagManagerClient
    from google.cloud.iam_admin_v1 import IAMClient
    from google.cloud.resourcemanager_v3 import ProjectsClient
    from google.cloud.service_usage_v1 import ServiceUsageClient

    project = settings.project
    client = warehouse_client.connect(settings.model_copy(update={"impersonate_service_account": None}))
    # user credentials have no project, and some of these APIs need one for quotas
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
