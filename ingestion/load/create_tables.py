"""Create the datasets and tables that the ingestion writes to, if any is missing."""

from google.cloud.bigquery import Client

from config.settings import Settings
from metadata.spec import Catalog
from warehouse.ledger import tables
from warehouse.ledger.tables import DESCRIPTION
from warehouse.raw_tables import fingerprint, raw_layout
from warehouse.tables import ensure_dataset, ensure_table, label_table, table_label

LABEL = "wwi_layout"


def ensure_layout(client: Client, settings: Settings, catalog: Catalog, *, force: bool = False) -> None:
    """Create the raw and audit datasets and their tables, and add columns that are new in the metadata.

    A label of the first ledger table contains the fingerprint of the last layout, so a batch normally needs
    one request. It is not a label of the dataset, because the right to update a dataset includes the right to
    share it. `force`: check every table.
    """
    layouts = [raw_layout(settings, table) for table in catalog.tables] + tables.layouts(settings)
    wanted = fingerprint(layouts)
    noted_in = tables.layouts(settings)[0].table_id
    if not force and table_label(client, noted_in, LABEL) == wanted:
        return
    ensure_dataset(client, settings, "raw", "Every change of every source table, as it came.")
    ensure_dataset(client, settings, "audit", DESCRIPTION)
    for layout in layouts:
        ensure_table(client, layout)
    label_table(client, noted_in, {LABEL: wanted})
