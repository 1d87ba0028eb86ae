"""The shadow datasets of a rebuild, `<prefix>_rebuild_*`: vault and marts built there from the live raw.

Only datasets with the label of a rebuild are dropped, so another warehouse with such a prefix is safe.
"""

from collections.abc import Iterator

from google.api_core import exceptions as google_errors
from google.cloud.bigquery import AccessEntry, Client, Dataset

from config.errors import PermanentError
from config.settings import Layer, Settings
from warehouse.errors import translated
from warehouse.ledger import tables
from warehouse.ledger.tables import COMPLETED, layouts, table_name
from warehouse.queries import NO_RETRY, READ_RETRY, execute
from warehouse.tables import ensure_dataset, ensure_table

SUFFIX = "_rebuild"
# its value is the ID of the rebuild that created the dataset
LABEL = "wwi_rebuild"
# raw has no shadow: the live one is read
LAYERS: tuple[Layer, ...] = ("staging", "raw_vault", "business_vault", "marts", "audit")
READING = {"READER", "roles/bigquery.dataViewer", "roles/bigquery.metadataViewer"}


def shadow_settings(settings: Settings) -> Settings:
    """Return the settings of the shadow datasets: the same warehouse with another prefix."""
    return settings.model_copy(update={"dataset_prefix": f"{settings.dataset_prefix}{SUFFIX}"})


def create(client: Client, live: Settings, rebuild_id: int) -> Settings:
    """Recreate the shadow datasets, with a ledger of the completed batches; return their settings.

    Read-only users of the live datasets get no access, because the shadow tables have no row access policies.
    Raises PermanentError if a dataset of that name was not created by a rebuild.
    """
    shadow = shadow_settings(live)
    drop(client, live)
    for layer in LAYERS:
        ensure_dataset(client, live, layer)  # recreate a lost one
        with translated(f"dataset {shadow.dataset(layer)}"):
            dataset = _dataset(client, live, shadow, layer)
            dataset.labels = {"app": "wwi", "layer": layer, LABEL: str(rebuild_id)}
            client.create_dataset(dataset, timeout=30, retry=NO_RETRY)
    for layout in layouts(shadow):
        ensure_table(client, layout)
    execute(client, batches_statement(live, shadow), timeout_s=live.query_timeout_s)
    return shadow


def batches_statement(live: Settings, shadow: Settings) -> str:
    """Return the statement that copies the completed batches, so that later batches do not interfere."""
    names = ", ".join(field.name for field in tables.layout(live, "batches").schema)
    return (
        f"insert into {table_name(shadow, 'batches')} ({names})\n"
        f"select {names} from {table_name(live, 'batches')} where status = '{COMPLETED}'"
    )


def exists(client: Client, live: Settings, rebuild_id: int) -> bool:
    """Return whether all datasets of this rebuild still exist."""
    found = [dataset.labels.get(LABEL) for dataset in _found(client, shadow_settings(live))]
    return found == [str(rebuild_id)] * len(LAYERS)


def newest_rebuild_id(client: Client, live: Settings) -> int | None:
    """Return the ID of the newest rebuild with existing datasets; None if there are none."""
    return max(
        (int(dataset.labels[LABEL]) for dataset in _found(client, shadow_settings(live))), default=None
    )


def drop(client: Client, live: Settings) -> None:
    """Drop all existing shadow datasets."""
    for dataset in list(_found(client, shadow_settings(live))):
        with translated(f"dataset {dataset.dataset_id}"):
            client.delete_dataset(dataset, delete_contents=True, not_found_ok=True, timeout=60)


def _found(client: Client, shadow: Settings) -> Iterator[Dataset]:
    for layer in LAYERS:
        name = shadow.dataset(layer)
        with translated(f"dataset {name}"):
            try:
                found = client.get_dataset(f"{shadow.project}.{name}", timeout=30, retry=READ_RETRY)
            except google_errors.NotFound:
                continue
        if LABEL not in found.labels:
            raise PermanentError(
                f"dataset {name} exists and was not created by `wwi rebuild`: it has no label {LABEL}. The "
                "rebuild needs this name. Drop the dataset, or move its tables to one with another prefix."
            )
        yield found


def _dataset(client: Client, live: Settings, shadow: Settings, layer: Layer) -> Dataset:
    model = client.get_dataset(f"{live.project}.{live.dataset(layer)}", timeout=30, retry=READ_RETRY)
    dataset = Dataset(f"{shadow.project}.{shadow.dataset(layer)}")
    dataset.location = live.bigquery_location
    dataset.description = f"Created by `wwi rebuild`, to be compared with {live.dataset(layer)}."
    dataset.access_entries = writers(model.access_entries)
    return dataset


def writers(entries: list[AccessEntry]) -> list[AccessEntry]:
    """Return the access entries with write permission."""
    return [entry for entry in entries if entry.role is not None and entry.role not in READING]
