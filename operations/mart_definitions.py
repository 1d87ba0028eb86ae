"""Compile the models of business vault and marts with dbt, for as-of queries.

Compiling takes some seconds and depends only on the project's files and the dataset names. The result is
cached in WWI_HOME until one of them changes.
"""

import dataclasses
import hashlib
import json
import logging
from pathlib import Path

from audit.history.as_of import Model, Models
from config.settings import Settings
from transform import build_plan
from transform.dbt_invocation import VAULT_DIR

logger = logging.getLogger(__name__)

LAYERS = ("business_vault", "marts")
# files of the dbt project that affect the compiled SQL of these layers
SOURCES = ("dbt_project.yml", "packages.yml", "macros/**/*", "models/**/*.yml")
FOLDER = Path("dbt") / "definitions"


def definitions(settings: Settings, *, vault_dir: Path = VAULT_DIR) -> Models:
    """Return the models by name. Raises like `dbt.build` if dbt cannot compile them."""
    cached = settings.home / FOLDER / f"{fingerprint(settings, vault_dir)}.json"
    try:
        return {each["name"]: Model(**each) for each in json.loads(cached.read_text())}
    except (FileNotFoundError, ValueError):
        pass
    logger.info("compiling the marts (once for this version of the project) ...")
    models = compiled(settings, vault_dir)
    cached.parent.mkdir(parents=True, exist_ok=True)
    written = cached.with_suffix(".new")
    written.write_text(json.dumps([dataclasses.asdict(model) for model in models.values()]))
    written.replace(cached)  # atomic: another process reads all of it or nothing
    for old in cached.parent.glob("*.json"):
        if old != cached:
            old.unlink(missing_ok=True)
    return models


def compiled(settings: Settings, vault_dir: Path) -> Models:
    """Compile the models with dbt."""
    selected = [f"{layer},resource_type:model" for layer in LAYERS]
    # full refresh: the SQL of the whole table, not of the next load
    arguments = ["compile", "--select", *selected, "--no-populate-cache", "--full-refresh"]
    nodes = build_plan.compile_nodes(arguments, settings, vault_dir)
    return {
        node.name: Model(node.name, str(node.fqn[1]), str(node.relation_name), str(node.compiled_code))
        for node in nodes
        if node.resource_type == "model" and node.fqn[1] in LAYERS
    }


def fingerprint(settings: Settings, vault_dir: Path) -> str:
    """Return a digest of everything that the compiled SQL depends on."""
    digest = hashlib.sha256(settings.warehouse_name.encode())
    patterns = [*SOURCES, *(f"models/{layer}/*.sql" for layer in LAYERS)]
    for path in sorted(file for pattern in patterns for file in vault_dir.glob(pattern) if file.is_file()):
        digest.update(f"\0{path.relative_to(vault_dir)}\0".encode() + path.read_bytes())
    return digest.hexdigest()
