"""Cache the keys of each table at its last completed batch, as Parquet, to find deleted rows.

Each entry is tagged with its batch. If it is missing, damaged or of another batch, it is rebuilt from raw.
"""

import json
import shutil
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
from google.cloud.bigquery import Client

from config.errors import PermanentError
from config.settings import Settings
from ingestion.changes.xid import PreviousLoad
from ingestion.staged_files import Manifest, batch_folder, state_folder
from metadata.spec import Table
from warehouse.ledger.tables import completed_batches_query
from warehouse.parquet import open_writer
from warehouse.queries import query_arrow
from warehouse.raw_tables import key_schema, raw_table_id

INDEX = "index.json"

Index = dict[str, dict[str, str]]


def previous_keys(  # noqa: PLR0913 - the table and how to check its keys
    client: Client,
    settings: Settings,
    table: Table,
    previous: PreviousLoad,
    *,
    strict: bool,
    fresh: bool = False,
) -> Path:
    """Return a file with the keys that the table had at its previous batch.

    `fresh`: read them from raw, not from the cache. `strict`: raise PermanentError if raw does not contain as
    many keys as the source had then.
    """
    folder = _folder(settings)
    entry = _read_index(folder).get(table.qualified, {})
    if not fresh and entry.get("load_dts") == _tag(previous.load_dts):
        path = folder / entry["file"]
        if _count(path) == previous.rows:
            return path
    path = _rebuild(client, settings, table, previous)
    if strict and _count(path) != previous.rows:
        raise PermanentError(
            f"{table.qualified}: raw contains {_count(path)} keys as of batch {previous.batch_id}, but the "
            f"source had {previous.rows} then: something changed raw or the ledger. "
            "Run `wwi ingest --full` to repair it."
        )
    return path


def store_keys(settings: Settings, manifest: Manifest) -> None:
    """Store the keys of a batch that was just completed: its new files, and old ones that are still valid."""
    folder = _folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    index, tag = _read_index(folder), _tag(manifest.load_dts)
    for table in manifest.tables:
        entry = index.get(table.table, {})
        if table.keys_file:
            source = batch_folder(settings, manifest.batch_id) / table.keys_file
            name = f"{table.table}.{manifest.batch_id}.parquet"
            shutil.copyfile(source, folder / name)
            index[table.table] = {"load_dts": tag, "file": name}
        elif table.previous_load_dts and entry.get("load_dts") == _tag(table.previous_load_dts):
            index[table.table] = {**entry, "load_dts": tag}
    draft = folder / f"{INDEX}.tmp"
    draft.write_text(json.dumps(index, indent=1))
    draft.replace(folder / INDEX)
    current = {entry["file"] for entry in index.values()}
    for path in folder.glob("*.parquet"):
        if path.name not in current:
            path.unlink()


def _rebuild(client: Client, settings: Settings, table: Table, previous: PreviousLoad) -> Path:
    """Read from raw the keys after the previous batch: those whose last record is not a delete."""
    names = ", ".join(f"`{name}`" for name in table.primary_key)
    query = f"""
        with latest as (
            select {names}, change_type
            from `{raw_table_id(settings, table)}`
            where batch_id <= {previous.batch_id}
                and batch_id in ({completed_batches_query(settings)})
            qualify row_number() over (partition by {names} order by load_dts desc) = 1
        )
        select {names} from latest where change_type = 'upsert'
    """
    schema = key_schema(table)
    path = _folder(settings) / f"{table.qualified}.rebuilt.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_writer(path, schema) as keys:
        for page in query_arrow(client, query, timeout_s=settings.load_timeout_s):
            for batch in page.cast(schema).to_batches():
                keys.write_batch(batch)
    return path


def _count(path: Path) -> int:
    """Return the number of rows of a Parquet file, from its footer; -1 if it is missing or damaged."""
    try:
        with pq.ParquetFile(path) as file:
            return int(file.metadata.num_rows)
    except (OSError, ValueError):
        return -1


def _read_index(folder: Path) -> Index:
    try:
        index: Index = json.loads((folder / INDEX).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return index


def _tag(load_dts: datetime) -> str:
    """Return a tag that is unique even across recreated warehouses, which batch ids are not."""
    return load_dts.isoformat()


def _folder(settings: Settings) -> Path:
    return state_folder(settings, "keys")
