"""Datasets that a test run makes in a real project and takes away again.

Each is made beforehand with two labels: the run it belongs to, and when it was made. Nothing that lacks them
is ever deleted, whatever its name. Tables in it expire after a day by themselves, should nobody come back to
delete them. On the local warehouse, which ends with the run, nothing of this happens and prefixes are short.
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

# dbt makes a dataset of the prefix alone for what belongs to no layer
ALL_PARTS = ("", *(f"_{layer}" for layer in get_args(Layer)))

_numbers = itertools.count(1)
# Unique for ever: BigQuery remembers the ids of jobs, and ours begin with the prefix.
_STEM = f"ci_{datetime.now(UTC):%y%m%d%H%M%S}_{secrets.token_hex(3)}"


@dataclass(frozen=True)
class ThrowAway:
    """A dataset with our labels: its id, the run that made it, and how old it is."""

    dataset_id: str
    run: str
    age: timedelta


def run_name() -> str:
    """What the datasets of this run are labelled with: WWI_TEST_RUN, by which a workflow finds them again."""
    return os.environ.get("WWI_TEST_RUN") or _STEM


def new_prefix(settings: Settings, name: str) -> str:
    """Return a dataset prefix that nobody has used: `m1`, on a real project `ci_<time>_<random>_m1`."""
    short = f"{name}{next(_numbers)}"
    return short if settings.target == "local" else f"{_STEM}_{short}"


@contextmanager
def datasets(settings: Settings, parts: Sequence[str] = ALL_PARTS) -> Iterator[None]:
    """Have the labelled datasets of a prefix while the block runs, on a real project.

    `parts` are the ends of their names: "_raw", "_audit".
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
    """Make one labelled dataset whose tables expire by themselves."""
    dataset = Dataset(f"{client.project}.{name}")
    dataset.location = location
    dataset.labels = {RUN_LABEL: run_name(), MADE_LABEL: str(int(made_at.timestamp()))}
    dataset.default_table_expiration_ms = int(EXPIRY.total_seconds() * 1000)
    client.create_dataset(dataset, timeout=TIMEOUT_S)


def find(client: Client, run: str | None = None, older_than: timedelta = timedelta(0)) -> list[ThrowAway]:
    """Return the project's throw-away datasets, by default of all runs and ages."""
    return [item for item in _labelled(client) if run in (None, item.run) and item.age >= older_than]


def delete(client: Client, item: ThrowAway) -> None:
    """Delete a dataset and its tables; it may be gone already."""
    client.delete_dataset(
        f"{client.project}.{item.dataset_id}", delete_contents=True, not_found_ok=True, timeout=TIMEOUT_S
    )


def left_behind(client: Client) -> list[str]:
    """Return the datasets with names of this process, labelled or not: when it ends there should be none."""
    listed = client.list_datasets(timeout=TIMEOUT_S)
    return sorted(item.dataset_id for item in listed if item.dataset_id.startswith(f"{_STEM}_"))


def _labelled(client: Client) -> Iterator[ThrowAway]:
    now = datetime.now(UTC)
    for item in client.list_datasets(timeout=TIMEOUT_S):
        run, made_at = item.labels.get(RUN_LABEL), item.labels.get(MADE_LABEL, "")
        if run and made_at.isdigit():
            yield ThrowAway(item.dataset_id, run, now - datetime.fromtimestamp(int(made_at), UTC))
