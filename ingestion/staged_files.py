"""Manage the staged files of a batch: Parquet files in the home folder and a manifest.

The manifest is written last. A batch with a manifest can be loaded by any later run; without one, its files
are incomplete and get deleted.
"""

import hashlib
import os
import shutil
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from config.settings import Settings
from ingestion.read_window import Mode
from ingestion.source.identity import Identity

MANIFEST = "manifest.json"
FOLDER = "spool"  # the name of earlier versions, so that an upgrade finds their files


class StagedTable(BaseModel):
    """What was read from one table. `file`: rows for raw. `keys_file`: all keys the table has now.

    Both are file names in the batch folder; None: nothing to load, the same keys as before. `source_rows` and
    `controls` describe the whole table, `rows_*` this batch. `rows_changed`: how many of the rows that were
    read again differ from raw; None if each row changed. `previous_load_dts`: load time of the batch that it
    was compared with. `columns`: the loaded columns, name -> Postgres type. `days`: number of days with
    control totals; None if they were not computed. `rejected`: number of values that BigQuery cannot hold;
    they are null in `file` and stored in `rejected_file`. `identity`: None if an older release wrote it.
    """

    model_config = ConfigDict(frozen=True)

    table: str
    mode: Mode
    reason: str
    window_from: str | None
    window_to: str
    previous_load_dts: datetime | None
    source_rows: int
    rows_read: int = 0
    rows_upserted: int = 0
    rows_deleted: int = 0
    rows_changed: int | None = None
    file: str | None = None
    keys_file: str | None = None
    bytes: int = 0
    sha256: str | None = None
    controls: dict[str, Decimal]
    columns: dict[str, str]
    identity: Identity | None = None
    days: int | None = None
    days_file: str | None = None
    rejected: int = 0
    rejected_file: str | None = None
    started_at: datetime
    finished_at: datetime

    @property
    def rows(self) -> int:
        """Number of rows in the file."""
        return self.rows_upserted + self.rows_deleted


class LedgerFile(BaseModel):
    """The rows of a batch for one ledger table, as one file in the batch folder."""

    model_config = ConfigDict(frozen=True)

    file: str
    rows: int
    sha256: str


class Manifest(BaseModel):
    """One batch. `daily`: control totals by day. `rejected`: rejected values. None: there are none."""

    model_config = ConfigDict(frozen=True)

    batch_id: int
    load_dts: datetime
    applied_dts: datetime
    source_system: str
    tables: tuple[StagedTable, ...]
    daily: LedgerFile | None = None
    rejected: LedgerFile | None = None


def state_folder(settings: Settings, part: str) -> Path:
    """Return `<home>/state/<part>/<warehouse>`, so that warehouses used from one home share no state."""
    return settings.home / "state" / part / settings.warehouse_name


def batch_folder(settings: Settings, batch_id: int) -> Path:
    """Return the folder for the staged files of a batch."""
    return state_folder(settings, FOLDER) / f"batch_{batch_id:06d}"


def create_folder(settings: Settings, batch_id: int) -> Path:
    """Delete all staged files, then create and return an empty folder for the batch."""
    delete_all(settings)
    folder = batch_folder(settings, batch_id)
    folder.mkdir(parents=True)
    return folder


def delete_all(settings: Settings) -> None:
    """Delete all staged files."""
    shutil.rmtree(state_folder(settings, FOLDER), ignore_errors=True)


def checksum(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_file(joined: tuple[Path, int] | None) -> LedgerFile | None:
    """Describe a file for the ledger from its path and number of rows; None for None."""
    if joined is None:
        return None
    path, rows = joined
    return LedgerFile(file=path.name, rows=rows, sha256=checksum(path))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, after which the batch can be finished even if this process dies."""
    for path in folder.glob("*.parquet"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    draft = folder / f"{MANIFEST}.tmp"
    with draft.open("w") as file:
        file.write(manifest.model_dump_json(indent=1))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / MANIFEST)


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest, or None if it or one of its files is missing or damaged."""
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_text())
        for table in manifest.tables:
            if table.file and checksum(folder / table.file) != table.sha256:
                return None
            if table.keys_file and not (folder / table.keys_file).exists():
                return None
        for file in filter(None, (manifest.daily, manifest.rejected)):
            if checksum(folder / file.file) != file.sha256:
                return None
    except (FileNotFoundError, ValueError):
        return None
    return manifest
