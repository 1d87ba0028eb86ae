"""Generate staging, raw vault, docs pages and Holistics models, or check that they are current.

python -m metadata.codegen            write changed files, remove surplus ones
python -m metadata.codegen --check    write nothing; exit 1 and list every file that differs
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from metadata.aml.models import MODELS as HOLISTICS_MODELS
from metadata.aml.models import holistics_files
from metadata.aml.presentation import load_presentation
from metadata.codegen.dbt_yaml import yaml_files
from metadata.codegen.docs.pages import pages
from metadata.codegen.model_plan import plan
from metadata.codegen.render import sql_files
from metadata.errors import MetadataError
from metadata.generated_text import MARK
from metadata.load import METADATA_DIR, load_catalog
from metadata.marts import load_marts
from metadata.spec import Catalog

MODELS_DIR = METADATA_DIR.parent / "vault" / "models"
GENERATED_FOLDERS = ("staging", "raw_vault")
DOCS_DIR = METADATA_DIR.parent / "docs"
HOLISTICS_DIR = METADATA_DIR / "holistics"
SUFFIXES = {".sql", ".yml", ".md", ".aml"}


@dataclass(frozen=True)
class Difference:
    """Paths that differ from the metadata, each list sorted."""

    missing: tuple[str, ...]
    stale: tuple[str, ...]
    surplus: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.stale or self.surplus)

    def lines(self) -> list[str]:
        """Return one line per file: kind of difference and path."""
        named = (("missing", self.missing), ("stale", self.stale), ("surplus", self.surplus))
        return [f"{what}: {path}" for what, paths in named for path in paths]


def generated_files(catalog: Catalog) -> dict[str, str]:
    """Return {path below vault/models: text} of every generated file."""
    models = plan(catalog)
    return sql_files(models) | yaml_files(models)


def generated_documents(catalog: Catalog, models_dir: Path) -> dict[str, str]:
    """Return {path below docs: text}, with the marts described in `models_dir`."""
    return pages(catalog, plan(catalog), load_marts(models_dir / "marts"))


def generated_holistics(metadata: Path, models_dir: Path) -> dict[str, str]:
    """Return {path below metadata/holistics: AML} of every mart. Raises MetadataError."""
    marts = load_marts(models_dir / "marts")
    return holistics_files(marts, load_presentation(marts, metadata))


def difference(
    root: Path, files: Mapping[str, str], folders: Sequence[str] = GENERATED_FOLDERS
) -> Difference:
    """Compare folders with the expected files; files without the generator's mark are never surplus."""
    present = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for folder in folders
        for path in (root / folder).rglob("*")
        if path.suffix in SUFFIXES
    }
    return Difference(
        missing=tuple(sorted(files.keys() - present.keys())),
        stale=tuple(sorted(path for path, text in files.items() if present.get(path, text) != text)),
        surplus=tuple(
            sorted(
                path
                for path, text in present.items()
                if path not in files and MARK in text.partition("\n")[0]
            )
        ),
    )


def write(root: Path, files: Mapping[str, str], folders: Sequence[str] = GENERATED_FOLDERS) -> Difference:
    """Write changed files, remove surplus ones, and return the differences found."""
    differing = difference(root, files, folders)
    for path in (*differing.missing, *differing.stale):
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(files[path], encoding="utf-8")
    for path in differing.surplus:
        (root / path).unlink()
    return differing


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m metadata.codegen", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when a file differs")
    parser.add_argument("--metadata", type=Path, default=METADATA_DIR, help="metadata folder")
    parser.add_argument("--models", type=Path, default=MODELS_DIR, help="dbt's models folder")
    parser.add_argument("--docs", type=Path, help="docs folder; default: docs, if --models is not set")
    options = parser.parse_args(arguments)
    docs = options.docs or (DOCS_DIR if options.models == MODELS_DIR else None)
    wanted: list[tuple[Path, dict[str, str], tuple[str, ...]]]
    try:
        catalog = load_catalog(options.metadata)
        wanted = [(options.models, generated_files(catalog), GENERATED_FOLDERS)]
        if docs:
            wanted.append((docs, generated_documents(catalog, options.models), (".",)))
        if options.models == MODELS_DIR:
            texts = generated_holistics(options.metadata, options.models)
            wanted.append((HOLISTICS_DIR, texts, (HOLISTICS_MODELS,)))
    except MetadataError as error:
        print(error, file=sys.stderr)
        return 1
    if not options.check:
        lines = [line for root, texts, folders in wanted for line in write(root, texts, folders).lines()]
        print(f"{sum(len(texts) for _, texts, _ in wanted)} files, {len(lines)} changed", *lines, sep="\n  ")
        return 0
    lines = [line for root, texts, folders in wanted for line in difference(root, texts, folders).lines()]
    if lines:
        print("Generated files are not current; run `make generate`:", *lines, sep="\n  ")
    return 1 if lines else 0
