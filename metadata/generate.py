"""Writes the staging and raw vault models from the metadata, or checks that they are current.

python -m metadata.generate            write what differs, remove what is no longer asked for
python -m metadata.generate --check    write nothing; exit 1 and name every file that differs
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from metadata.documents import yaml_files
from metadata.errors import MetadataError
from metadata.load import METADATA_DIR, load_catalog
from metadata.plan import plan
from metadata.render import MARK, sql_files
from metadata.spec import Catalog

MODELS_DIR = METADATA_DIR.parent / "vault" / "models"
GENERATED_FOLDERS = ("staging", "raw_vault")


@dataclass(frozen=True)
class Difference:
    """Paths below the models folder that are not what the metadata asks for, each list sorted."""

    missing: tuple[str, ...]
    stale: tuple[str, ...]
    surplus: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.stale or self.surplus)

    def lines(self) -> list[str]:
        """One line per file: what is wrong with it, and its path."""
        named = (("missing", self.missing), ("stale", self.stale), ("surplus", self.surplus))
        return [f"{what}: {path}" for what, paths in named for path in paths]


def generated_files(catalog: Catalog) -> dict[str, str]:
    """Return path below vault/models -> text of every generated file."""
    models = plan(catalog)
    return sql_files(models) | yaml_files(models)


def difference(models_dir: Path, files: Mapping[str, str]) -> Difference:
    """Compare the folder with what should be in it; files without the generator's mark are not its own."""
    present = {
        path.relative_to(models_dir).as_posix(): path.read_text(encoding="utf-8")
        for folder in GENERATED_FOLDERS
        for path in (models_dir / folder).rglob("*")
        if path.suffix in {".sql", ".yml"}
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


def write(models_dir: Path, files: Mapping[str, str]) -> Difference:
    """Bring the folder in line with `files` and return what differed before; current files stay untouched."""
    differing = difference(models_dir, files)
    for path in (*differing.missing, *differing.stale):
        target = models_dir / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(files[path], encoding="utf-8")
    for path in differing.surplus:
        (models_dir / path).unlink()
    return differing


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m metadata.generate", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when a file differs")
    parser.add_argument("--metadata", type=Path, default=METADATA_DIR, help="folder of the YAML")
    parser.add_argument("--models", type=Path, default=MODELS_DIR, help="dbt's models folder")
    options = parser.parse_args(arguments)
    try:
        files = generated_files(load_catalog(options.metadata))
    except MetadataError as error:
        print(error, file=sys.stderr)
        return 1
    if not options.check:
        differing = write(options.models, files)
        print(f"{len(files)} files, {len(differing.lines())} changed", *differing.lines(), sep="\n  ")
        return 0
    differing = difference(options.models, files)
    if differing:
        print("Generated models are not current; run `make generate`:", *differing.lines(), sep="\n  ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
