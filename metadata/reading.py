"""YAML files as plain values, and what pydantic finds wrong in them as mistakes with a mend."""

from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from metadata.errors import Mistake, did_you_mean
from metadata.mappings import EventMapping, HubMapping, Link, ReferenceMapping, Satellite, Spec
from metadata.spec import Column

_MENDS = {
    "primary_key": "Name the columns that identify a row, e.g. primary_key: [customer_id].",
    "columns": "List the columns under `columns:`, each with its type and description.",
    "description": "Describe it in one sentence that starts with a capital and ends with a full stop.",
    "type": "Write the Postgres type as the source has it, e.g. integer, numeric(18,2) or varchar(100).",
    "references": "Write schema.table.column, e.g. sales.customers.customer_id.",
    "sensitivity": "Choose none, personal or secret.",
}
_STYLES = {
    "string_pattern_mismatch": "Use lower snake case, e.g. stock_item.",
    "string_too_long": "Use 63 characters at most, as Postgres does.",
    "string_type": "Write it as a text, in quotes where YAML takes it for something else: 'null', 'on'.",
}
_PARTS: dict[str, type[Spec]] = {
    "columns": Column,
    "satellites": Satellite,
    "link": Link,
    "HubMapping": HubMapping,
    "EventMapping": EventMapping,
    "ReferenceMapping": ReferenceMapping,
}


_TEXT, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"


# libyaml is some ten times faster than plain Python, and every command reads the metadata
class _UniqueKeyLoader(yaml.CSafeLoader):
    """A safe loader that remembers keys written twice; plain YAML lets the last one win silently.

    A key is always a text: `on` and `null` are names of columns here, not a boolean and nothing.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.doubled: list[tuple[str, int]] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                key.tag = _TEXT
        self.doubled += [
            (key.value, key.start_mark.line + 1)
            for index, (key, _) in enumerate(node.value)
            if key.value in keys[:index]
        ]
        return super().construct_mapping(node, deep)


def read_yaml(folder: Path, file: str, mistakes: list[Mistake]) -> dict[str, Any] | None:
    """Return the mapping in the file and note what is wrong with it; None when it cannot be read at all."""
    path = folder / file
    if not path.is_file():
        mistakes.append(Mistake(file, "", "there is no such file", f"Create {file} in the metadata folder."))
        return None
    loader = _UniqueKeyLoader(path.read_text(encoding="utf-8"))
    try:
        raw = loader.get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        mistakes.append(
            Mistake(file, line, f"not readable as YAML ({problem})", "Mend the YAML of that line.")
        )
        return None
    mistakes += [
        Mistake(file, key, f"written twice, again in line {line}", "Keep one of the two.")
        for key, line in loader.doubled
    ]
    if raw is None or isinstance(raw, dict):
        return raw or {}
    mistakes.append(Mistake(file, "", "a list or a single value", "Write it as `key: value` lines."))
    return None


def explain(
    error: ValidationError, spec: type[Spec], raw: dict[str, Any], file: str, under: str
) -> Iterator[Mistake]:
    """Say in words of the YAML what pydantic found wrong in `raw`; `under` is the key it stands at."""
    for detail in error.errors():
        key = ".".join(filter(None, [under, *_path(detail["loc"], raw)]))
        yield Mistake(file, key, _problem(detail), _mend(detail, spec))


def _path(loc: tuple[int | str, ...], raw: Any) -> Iterator[str]:
    """Walk pydantic's location through the raw value, with names in place of list positions."""
    for part in loc:
        if isinstance(part, int) and isinstance(raw, list):
            raw = raw[part]
            named = isinstance(raw, dict)
            yield str((raw.get("name") or raw.get("topic")) if named else part)
        elif isinstance(raw, dict) and (part in raw or part == loc[-1]):
            raw = raw.get(str(part))
            yield str(part)


def _problem(detail: ErrorDetails) -> str:
    match detail["type"]:
        case "extra_forbidden":
            return f"unknown key '{detail['loc'][-1]}'"
        case "missing" | "too_short":
            return f"no {detail['loc'][-1]}".replace("_", " ")
        case "string_pattern_mismatch":
            return f"'{detail['input']}' is not a valid {_field(detail).replace('_', ' ')}"
        case _:
            message = detail["msg"]
            return f"{message[0].lower()}{message[1:]} (here: {detail['input']!r})"


def _mend(detail: ErrorDetails, spec: type[Spec]) -> str:
    field = _field(detail)
    if detail["type"] == "extra_forbidden":
        return did_you_mean(str(detail["loc"][-1]), _known_keys(detail["loc"], spec))
    style = _STYLES.get(detail["type"], "")
    return _MENDS.get(field) or style or "See the classes in metadata/spec.py for what belongs here."


def _field(detail: ErrorDetails) -> str:
    return next((part for part in reversed(detail["loc"]) if isinstance(part, str)), "value")


def _known_keys(loc: tuple[int | str, ...], spec: type[BaseModel]) -> list[str]:
    inner = [part for part in loc[:-1] if isinstance(part, str) and part in _PARTS]
    part = _PARTS[inner[-1]] if inner else spec
    given_by_place = {"schema_name", "topic"} | ({"name"} if part is not Link else set())
    return [name for name in part.model_fields if name not in given_by_place]
