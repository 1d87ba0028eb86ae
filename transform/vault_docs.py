"""dbt's own documents of the vault as one HTML page without a network: models, lineage, columns, tests."""

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
    """The file that was written, its size in bytes, how many tables it describes, and how long it took."""

    path: Path
    size: int
    tables: int
    seconds: float


def default_path(settings: Settings) -> Path:
    """Where the page lies unless somebody says otherwise."""
    return settings.home / "vault_docs.html"


def write_docs(
    settings: Settings,
    path: Path | None = None,
    *,
    select: Sequence[str] = (),
    vault_dir: Path = VAULT_DIR,
) -> VaultDocs:
    """Have dbt compile the models, ask the warehouse for their tables, and write the page.

    `select`: only these nodes get compiled SQL, columns' types and numbers of rows; by default all. Raises as
    `dbt.build`, and PermanentError when dbt could not read the tables.
    """
    started = time.monotonic()
    made = dbt.document(settings, select, vault_dir)
    catalogue = json.loads((made / CATALOGUE).read_text(encoding="utf-8"))
    if catalogue["errors"]:
        raise PermanentError(f"dbt could not read the tables: {shorten(' '.join(catalogue['errors']))}")
    tables = len(catalogue["nodes"]) + len(catalogue["sources"])
    if not tables:
        raise PermanentError("there are no tables to describe yet: run `wwi run` first.")
    target = (path or default_path(settings)).absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    (made / PAGE).replace(target)
    logger.info("documents of %d tables written to %s", tables, target)
    return VaultDocs(target, target.stat().st_size, tables, time.monotonic() - started)
