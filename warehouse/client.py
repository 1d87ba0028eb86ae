"""Connect to the warehouse: BigQuery, or the local emulator."""

import logging
import os

import google.auth
from google.auth import impersonated_credentials
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery

from config.errors import PermanentError
from config.loopback import is_loopback
from config.settings import Settings
from warehouse.labels import label_jobs

logger = logging.getLogger(__name__)


CLOUD_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def connect(settings: Settings, step: str = "other") -> bigquery.Client:
    """Return a client for the configured warehouse; it sends no request yet.

    `step` is the value of the label `step` on its jobs: "ingest", "reconcile". Raises PermanentError when
    no warehouse is configured or no credentials are found.
    """
    client = _client(settings)
    label_jobs(client, step=step)
    return client


def _client(settings: Settings) -> bigquery.Client:
    if settings.target == "local":  # engine: credentials
        url = settings.resolve_warehouse_url()
        client = bigquery.Client(
            project=settings.project,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": url},
        )
        client._http.trust_env = not is_loopback(url)  # ignore proxy variables and ~/.netrc
        return client
    try:
        return bigquery.Client(
            project=settings.project,
            credentials=_credentials(settings),
            location=settings.bigquery_location,
            default_query_job_config=bigquery.QueryJobConfig(
                maximum_bytes_billed=settings.maximum_bytes_billed
            ),
            client_options={"api_endpoint": settings.bigquery_endpoint or _google_endpoint()},
        )
    except GoogleAuthError as error:
        raise PermanentError(
            f"no credentials for BigQuery project {settings.project}: {error}. Run "
            "`gcloud auth application-default login` or set GOOGLE_APPLICATION_CREDENTIALS."
        ) from error


def _google_endpoint() -> str | None:
    """Return Google's address if BIGQUERY_EMULATOR_HOST is set: the client would load into that emulator."""
    return "https://bigquery.googleapis.com" if os.environ.get("BIGQUERY_EMULATOR_HOST") else None


def _credentials(settings: Settings) -> Credentials | None:
    """Return credentials of the account to impersonate; None for Application Default Credentials."""
    if settings.impersonate_service_account is None:
        return None
    own, _ = google.auth.default(scopes=[CLOUD_SCOPE])
    return impersonated_credentials.Credentials(  # type: ignore[no-untyped-call]
        own, settings.impersonate_service_account, target_scopes=[CLOUD_SCOPE]
    )


def connection_variables(settings: Settings) -> dict[str, str]:
    """Return the connection settings as the environment variables that vault/profiles.yml reads.

    Raises PermanentError when no warehouse is configured, or no policy tag for personal columns is set.
    """
    variables = {
        "WWI_TARGET": settings.target,
        "WWI_DATASET_PREFIX": settings.dataset_prefix,
        "WWI_BIGQUERY_LOCATION": settings.bigquery_location,
        "WWI_BIGQUERY_PROJECT": settings.project,
        "WWI_BIGQUERY_ENDPOINT": settings.bigquery_endpoint or _google_endpoint() or "",
        "WWI_QUERY_TIMEOUT_S": str(settings.query_timeout_s),
        "WWI_MAXIMUM_BYTES_BILLED": str(settings.maximum_bytes_billed),
        "WWI_IMPERSONATE_SERVICE_ACCOUNT": settings.impersonate_service_account or "",
        "WWI_PERSONAL_POLICY_TAG": _policy_tag(settings),
    }
    if settings.dbt_threads is not None:
        variables["WWI_DBT_THREADS"] = str(settings.dbt_threads)
    if settings.target == "local":  # engine: address
        variables["WWI_WAREHOUSE_URL"] = settings.resolve_warehouse_url()
    return variables


def _policy_tag(settings: Settings) -> str:
    """Return the policy tag for dbt. Tables without it are open, so leaving it out must be explicit."""
    if settings.target == "bigquery" and settings.personal_policy_tag is None:  # engine: policy-tags
        raise PermanentError(
            "no policy tag for personal columns: WWI_PERSONAL_POLICY_TAG is not set. Run `wwi bigquery "
            "setup` and copy the line that it prints into .env, or set it to `none` to leave them open."
        )
    return settings.policy_tag or ""
