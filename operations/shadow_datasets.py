"""The side datasets of a rebuild, `<prefix>_rebuild_*`: vault and marts are made there from the live raw.

Only datasets that bear our label are ever dropped, so a warehouse that somebody gave such a prefix is safe.
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
# whose value is the number of the rebuild that made it
LABEL = "wwi_rebuild"
# raw has no side: it is read where it is
LAYERS: tuple[Layer, ...] = ("staging", "raw_vault", "business_vault", "marts", "audit")
READING = {"READER", "roles/bigquery.dataViewer", "roles/bigquery.metadataViewer"}


def side_of(settings: Settings) -> Settings:
    """Return the settings under which the side is built: the same warehouse, another prefix."""
    return settings.model_copy(update={"dataset_prefix": f"{settings.dataset_prefix}{SUFFIX}"})


def make(client: Client, live: Settings, rebuild_id: int) -> Settings:
    """Make the side datasets anew, with a ledger that knows the completed batches; return their settings.

    Who may only read the live datasets gets no access: row access policies guard personal rows there and not
    here. Raises PermanentError when a dataset of that name is not of our making.
    """
    side = side_of(live)
    drop(client, live)
    for layer in LAYERS:
        ensure_dataset(client, live, layer)  # a lost one comes back
        with translated(f"dataset {side.dataset(layer)}"):
            dataset = _dataset(client, live, side, layer)
            dataset.labels = {"app": "wwi", "layer": layer, LABEL: str(rebuild_id)}
            client.create_dataset(dataset, timeout=30, retry=NO_RETRY)
    for layout in layouts(side):
        ensure_table(client, layout)
    execute(client, batches_statement(live, side), timeout_s=live.query_timeout_s)
    return side


def batches_statement(live: Settings, side: Settings) -> str:
    """Copy the completed batches to the side: what comes to the live ledger meanwhile does not disturb it."""
    names = ", ".join(field.name for field in tables.layout(live, "batches").schema)
    return (
        f"insert into {table_name(side, 'batches')} ({names})\n"
        f"select {names} from {table_name(live, 'batches')} where status = '{COMPLETED}'"
    )


def exists(client: Client, live: Settings, rebuild_id: int) -> bool:
    """Tell whether all datasets of this rebuild are there still."""
    found = [dataset.labels.get(LABEL) for dataset in _found(client, side_of(live))]
    return found == [str(rebuild_id)] * len(LAYERS)


def made_by(client: Client, live: Settings) -> int | None:
    """Return the newest rebuild of which datasets are there still; None without any."""
    return max((int(dataset.labels[LABEL]) for dataset in _found(client, side_of(live))), default=None)


def drop(client: Client, live: Settings) -> None:
    """Drop the side datasets that there are."""
    for dataset in list(_found(client, side_of(live))):
        with translated(f"dataset {dataset.dataset_id}"):
            client.delete_dataset(dataset, delete_contents=True, not_found_ok=True, timeout=60)


def _found(client: Client, side: Settings) -> Iterator[Dataset]:
    for layer in LAYERS:
        name = side.dataset(layer)
        with translated(f"dataset {name}"):
            try:
                found = client.get_dataset(f"{side.project}.{name}", timeout=30, retry=READ_RETRY)
            except google_errors.NotFound:
                continue
        if LABEL not in found.labels:
            raise PermanentError(
                f"dataset {name} is in the way: a rebuild works in datasets of this name, and this one was "
                f"not made by one, for it lacks the label {LABEL}. Drop it, or choose another prefix for it."
            )
        yield found


def _dataset(client: Client, live: Settings, side: Settings, layer: Layer) -> Dataset:
    model = client.get_dataset(f"{live.project}.{live.dataset(layer)}", timeout=30, retry=READ_RETRY)
    dataset = Dataset(f"{side.project}.{side.dataset(layer)}")
    dataset.location = live.bigquery_location
    dataset.description = f"Made by `wwi rebuild`, to be compared with {live.dataset(layer)}."
    dataset.access_entries = writers(model.access_entries)
    return dataset


def writers(entries: list[AccessEntry]) -> list[AccessEntry]:
    """Return the entries of a dataset's access by which somebody may write."""
    return [entry for entry in entries if entry.role is not None and entry.role not in READING]
