"""Labels on the jobs that we send, by which BigQuery's own records tell what cost how much.

app     wwi, on every job
step    what the job is for: ingest, build, reconcile, query ...; dbt's jobs say build
batch   the batch that is loaded
table   the raw table, on load jobs
node    the model or test, on dbt's jobs (vault/macros/job_labels.sql)
"""

import copy
import re
from collections.abc import Mapping

from google.cloud.bigquery import Client, QueryJobConfig

APP = "wwi"


def label_jobs(client: Client, **labels: str) -> None:
    """Put these labels on every query that the client sends from now on, besides those it puts already."""
    config = copy.deepcopy(client.default_query_job_config or QueryJobConfig())
    config.labels = labels_of(client) | {"app": APP} | allowed(labels)
    client.default_query_job_config = config


def labels_of(client: Client) -> dict[str, str]:
    """Return the labels that the client puts on its queries."""
    config = client.default_query_job_config
    return dict(config.labels) if config else {}


def allowed(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels with values as BigQuery allows them: lower case, digits, _ and -, 63 at most."""
    return {key: re.sub(r"[^a-z0-9_-]", "_", value.lower())[:63] for key, value in labels.items()}
