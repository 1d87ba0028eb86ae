"""The marts as dbt's own YAML describes them: read for the documents, never written.

vault/models/marts/*.yml   contracts, descriptions, and `refers_to` tests, which tell what a key points to
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

MARTS_DIR = Path(__file__).parent.parent / "vault" / "models" / "marts"


@dataclass(frozen=True)
class MartColumn:
    """A column of a mart. `refers_to`: the dimension that a `refers_to` test holds it to."""

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
    def column_names(self) -> tuple[str, ...]:
        """All columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def key(self) -> str:
        """The column that tells its rows apart: each mart begins with it."""
        return self.columns[0].name

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
    targets = _targets(model.get("data_tests") or [])
    return Mart(
        model["name"],
        _one_line(model.get("description", "")),
        tuple(_column(column, targets.get(column["name"])) for column in model.get("columns") or []),
    )


def _column(column: dict[str, Any], refers_to: str | None) -> MartColumn:
    meta = (column.get("config") or {}).get("meta") or column.get("meta") or {}
    return MartColumn(
        column["name"],
        str(column.get("data_type", "")),
        _one_line(column.get("description", "")),
        meta.get("sensitivity") == "personal",
        refers_to,
    )


def _targets(tests: list[Any]) -> dict[str, str]:
    """{column: dimension} of the model's `refers_to` tests."""
    found = {}
    for test in tests:
        if isinstance(test, dict) and "refers_to" in test:
            for reference in test["refers_to"]["arguments"]["references"]:
                match = re.search(r"ref\(\s*'(\w+)'\s*\)", reference["to"])
                if match:
                    found[reference["column"]] = match[1]
    return found


def _one_line(text: str) -> str:
    return " ".join(text.split())
