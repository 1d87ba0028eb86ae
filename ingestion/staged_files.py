"""The spool: what a batch read, as Parquet files under the home folder, with a manifest that makes it whole.

The manifest is written last. A spool with a manifest can be loaded by any later run; one without is refuse.
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


class TableSpool(BaseModel):
    """What was read of one table. `file` holds rows for raw, `keys_file` all keys the table has now.

    Both are names within the spool's folder; None: nothing to load, the same keys as before. `source_rows`
    and `controls` are of the whole table, `rows_*` of this batch; `rows_changed`: those of rows read
    again that differ from raw, None where each row changed. `previous_load_dts`: of the batch that it was
    compared with. `columns`: those that are loaded, name -> Postgres type. `days`: how many days its
    control totals were taken of; None when they were not. `rejected`: values that BigQuery cannot hold, each
    null in `file` and kept in `rejected_file`. `identity`: None in a spool that an older release left.
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
        """Rows of the file."""
        return self.rows_upserted + self.rows_deleted


class LedgerFile(BaseModel):
    """What all tables of a batch bring for one table of the ledger, as one file of the spool's folder."""

    model_config = ConfigDict(frozen=True)

    file: str
    rows: int
    sha256: str


class Manifest(BaseModel):
    """One batch. `daily`: control totals by day, `rejected`: values; None: there are none."""

    model_config = ConfigDict(frozen=True)

    batch_id: int
    load_dts: datetime
    applied_dts: datetime
    source_system: str
    tables: tuple[TableSpool, ...]
    daily: LedgerFile | None = None
    rejected: LedgerFile | None = None


def state_folder(settings: Settings, part: str) -> Path:
    """`<home>/state/<part>/<warehouse>`: two warehouses used from one home must not share their state."""
    return settings.home / "state" / part / settings.warehouse_name


def batch_folder(settings: Settings, batch_id: int) -> Path:
    """The folder of a batch's spool."""
    return state_folder(settings, "spool") / f"batch_{batch_id:06d}"


def new_folder(settings: Settings, batch_id: int) -> Path:
    """Make and return an empty folder for the batch, and drop whatever older spools are left."""
    discard(settings)
    folder = batch_folder(settings, batch_id)
    folder.mkdir(parents=True)
    return folder


def discard(settings: Settings) -> None:
    """Drop all spools."""
    shutil.rmtree(state_folder(settings, "spool"), ignore_errors=True)


def checksum(path: Path) -> str:
    """sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def ledger_file(joined: tuple[Path, int] | None) -> LedgerFile | None:
    """Describe a file for the ledger, given its path and its number of rows; None without one."""
    if joined is None:
        return None
    path, rows = joined
    return LedgerFile(file=path.name, rows=rows, sha256=checksum(path))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Make the spool whole: from here on the batch survives the end of this process."""
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
    """Return the manifest of a whole spool, None when it or one of its files is missing or damaged."""
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
