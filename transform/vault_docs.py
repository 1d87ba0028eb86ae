"""Write dbt's documentation of the vault as one HTML file: models, lineage, columns, tests."""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from config.errors import PermanentError
from config.settings import Settings
from transform import dbt
from transform.dbt_invocation import VAULT_DIR
from transform.dbt_messages import shorten

logger = logging.getLogger(__name__)

PAGE, CATALOGUE = "static_index.html", "catalog.json"


@dataclass(frozen=True)
class VaultDocs:
    """The written file, its size in bytes, the number of tables in it, and the seconds it took."""

    path: Path
    size: int
    tables: int
    seconds: float


def default_path(settings: Settings) -> Path:
    """Return the default path of the file."""
    return settings.home / "vault_docs.html"


def write_docs(
    settings: Settings,
    path: Path | None = None,
    *,
    select: Sequence[str] = (),
    vault_dir: Path = VAULT_DIR,
) -> VaultDocs:
    """Compile the models, read their tables from the warehouse, and write the file.

    `select`: only these nodes get compiled SQL, column types and row counts; by default all. Raises as
    `dbt.build`, and PermanentError when dbt could not read the tables.
    """
    started = time.monotonic()
    folder = dbt.generate_docs(settings, select, vault_dir)
    catalogue = json.loads((folder / CATALOGUE).read_text(encoding="utf-8"))
    if catalogue["errors"]:
        raise PermanentError(f"dbt could not read the tables: {shorten(' '.join(catalogue['errors']))}")
    tables = len(catalogue["nodes"]) + len(catalogue["sources"])
    if not tables:
        raise PermanentError("there are no tables to document yet. Run `wwi run` first.")
    target = (path or default_path(settings)).absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).replace(target)
    logger.info("documentation of %d tables written to %s", tables, target)
    return VaultDocs(target, target.stat().st_size, tables, time.monotonic() - started)
