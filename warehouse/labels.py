"""Labels on BigQuery jobs, so that costs can be grouped by them.

app     wwi, on every job
step    what the job is for: ingest, build, reconcile, query ...; dbt's jobs have build
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
    """Add these labels to every query that the client sends from now on."""
    config = copy.deepcopy(client.default_query_job_config or QueryJobConfig())
    config.labels = labels_of(client) | {"app": APP} | valid_labels(labels)
    client.default_query_job_config = config


def labels_of(client: Client) -> dict[str, str]:
    """Return the labels that the client adds to its queries."""
    config = client.default_query_job_config
    return dict(config.labels) if config else {}


def valid_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels with valid values: lower case letters, digits, _ and -, at most 63 characters."""
    return {key: re.sub(r"[^a-z0-9_-]", "_", value.lower())[:63] for key, value in labels.items()}
