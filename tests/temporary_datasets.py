"""Temporary datasets of a test run in a real project.

They are created with two labels: the run, and the creation time. Datasets without these labels are never
deleted. Tables expire after a day, in case a run does not delete them. On the local warehouse, which ends
with the run, there are no labels and prefixes are short.
"""

import itertools
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import get_args

from google.cloud.bigquery import Client, Dataset

from config.settings import Layer, Settings
from warehouse.client import connect

RUN_LABEL = "wwi_throw_away"
MADE_LABEL = "wwi_made_at"
EXPIRY = timedelta(days=1)
TIMEOUT_S = 60

# dbt creates a dataset named like the prefix for nodes without a layer
ALL_PARTS = ("", *(f"_{layer}" for layer in get_args(Layer)))

_numbers = itertools.count(1)
# must never repeat: BigQuery remembers job ids, and ours begin with the prefix
_STEM = f"ci_{datetime.now(UTC):%y%m%d%H%M%S}_{secrets.token_hex(3)}"


@dataclass(frozen=True)
class TemporaryDataset:
    """A labelled dataset: its id, the run that created it, and its age."""

    dataset_id: str
    run: str
    age: timedelta


def run_name() -> str:
    """Return the label of this run: WWI_TEST_RUN, which a workflow uses to find its datasets."""
    return os.environ.get("WWI_TEST_RUN") or _STEM


def new_prefix(settings: Settings, name: str) -> str:
    """Return a new dataset prefix: `m1`, on a real project `ci_<time>_<random>_m1`."""
    short = f"{name}{next(_numbers)}"
    return short if settings.target == "local" else f"{_STEM}_{short}"


@contextmanager
def datasets(settings: Settings, parts: Sequence[str] = ALL_PARTS) -> Iterator[None]:
    """On a real project, create the labelled datasets of a prefix and delete them afterwards.

    `parts` are the suffixes of their names: "_raw", "_audit".
    """
    if settings.target == "local":
        yield
        return
    client = connect(settings)
    names = [f"{settings.dataset_prefix}{part}" for part in parts]
    try:
        for name in names:
            make(client, name, settings.bigquery_location, datetime.now(UTC))
        yield
    finally:
        for item in find(client):
            if item.dataset_id in names:
                delete(client, item)


def make(client: Client, name: str, location: str, made_at: datetime) -> None:
    """Create one labelled dataset whose tables expire."""
    dataset = Dataset(f"{client.project}.{name}")
    dataset.location = location
    dataset.labels = {RUN_LABEL: run_name(), MADE_LABEL: str(int(made_at.timestamp()))}
    dataset.default_table_expiration_ms = int(EXPIRY.total_seconds() * 1000)
    client.create_dataset(dataset, timeout=TIMEOUT_S)


def find(
    client: Client, run: str | None = None, older_than: timedelta = timedelta(0)
) -> list[TemporaryDataset]:
    """Return the project's temporary datasets, by default of all runs and ages."""
    return [item for item in _labelled(client) if run in (None, item.run) and item.age >= older_than]


def delete(client: Client, item: TemporaryDataset) -> None:
    """Delete a dataset and its tables, if it still exists."""
    client.delete_dataset(
        f"{client.project}.{item.dataset_id}", delete_contents=True, not_found_ok=True, timeout=TIMEOUT_S
    )


def remaining(client: Client) -> list[str]:
    """Return the datasets of this process that still exist, with or without labels."""
    listed = client.list_datasets(timeout=TIMEOUT_S)
    return sorted(item.dataset_id for item in listed if item.dataset_id.startswith(f"{_STEM}_"))


def _labelled(client: Client) -> Iterator[TemporaryDataset]:
    now = datetime.now(UTC)
    for item in client.list_datasets(timeout=TIMEOUT_S):
        run, made_at = item.labels.get(RUN_LABEL), item.labels.get(MADE_LABEL, "")
        if run and made_at.isdigit():
            yield TemporaryDataset(item.dataset_id, run, now - datetime.fromtimestamp(int(made_at), UTC))
