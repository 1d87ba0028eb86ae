"""The marts as dbt's own YAML describes them: read for the documents, never written.

vault/models/marts/*.yml   contracts, descriptions, and `relationships` tests, which tell what a key points to
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

MARTS_DIR = Path(__file__).parent.parent / "vault" / "models" / "marts"


@dataclass(frozen=True)
class MartColumn:
    """A column of a mart. `refers_to`: the dimension that a `relationships` test holds it to."""

    name: str
    type: str
    description: str
    is_personal: bool
    refers_to: str | None


@dataclass(frozen=True)
class Mart:
    """A dimension or fact of the star, its columns in the order of the contract."""

    name: str
    description: str
    columns: tuple[MartColumn, ...]

    @property
    def is_fact(self) -> bool:
        """Named `fct_`."""
        return self.name.startswith("fct_")


def load_marts(folder: Path = MARTS_DIR) -> tuple[Mart, ...]:
    """Return the marts by name: facts, dimensions and whatever else is described there."""
    models = [
        model
        for file in sorted(folder.glob("*.yml"))
        for model in (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("models") or []
    ]
    return tuple(sorted(map(_mart, models), key=lambda mart: mart.name))


def _mart(model: dict[str, Any]) -> Mart:
    return Mart(
        model["name"],
        _one_line(model.get("description", "")),
        tuple(_column(column) for column in model.get("columns") or []),
    )


def _column(column: dict[str, Any]) -> MartColumn:
    meta = (column.get("config") or {}).get("meta") or column.get("meta") or {}
    return MartColumn(
        column["name"],
        str(column.get("data_type", "")),
        _one_line(column.get("description", "")),
        meta.get("sensitivity") == "personal",
        _refers_to(column.get("data_tests") or []),
    )


def _refers_to(tests: list[Any]) -> str | None:
    for test in tests:
        if isinstance(test, dict) and "relationships" in test:
            arguments = test["relationships"].get("arguments") or test["relationships"]
            found = re.search(r"ref\(\s*'(\w+)'\s*\)", str(arguments.get("to", "")))
            return found[1] if found else None
    return None


def _one_line(text: str) -> str:
    return " ".join(text.split())
