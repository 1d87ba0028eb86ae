"""Read the marts from their dbt YAML: contracts, descriptions and `refers_to` tests."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

MARTS_DIR = Path(__file__).parent.parent / "vault" / "models" / "marts"


@dataclass(frozen=True)
class MartColumn:
    """A column of a mart. `refers_to`: the dimension named in its `refers_to` test."""

    name: str
    type: str
    description: str
    is_personal: bool
    refers_to: str | None


@dataclass(frozen=True)
class Mart:
    """A dimension or fact, with its columns in the order of the contract."""

    name: str
    description: str
    columns: tuple[MartColumn, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        """All columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def key(self) -> str:
        """Primary key: always the first column."""
        return self.columns[0].name

    @property
    def is_fact(self) -> bool:
        """Whether the name starts with `fct_`."""
        return self.name.startswith("fct_")


def load_marts(folder: Path = MARTS_DIR) -> tuple[Mart, ...]:
    """Return every model described in the folder, sorted by name."""
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
    """Return {column: dimension} from the model's `refers_to` tests."""
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
