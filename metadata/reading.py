"""Read YAML files as plain values, and convert pydantic errors to issues with a fix."""

from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from metadata.errors import Issue, did_you_mean
from metadata.mappings import HubMapping, Link, NonHistorizedLinkMapping, ReferenceMapping, Satellite, Spec
from metadata.spec import Column

_HINTS = {
    "primary_key": "List the columns that identify a row, e.g. primary_key: [customer_id].",
    "columns": "List the columns under `columns:`, each with its type and description.",
    "description": "Write one sentence that starts with a capital letter and ends with a full stop.",
    "type": "Use the Postgres type of the source column, e.g. integer, numeric(18,2) or varchar(100).",
    "references": "Write schema.table.column, e.g. sales.customers.customer_id.",
    "sensitivity": "Choose none, personal or secret.",
}
_STYLES = {
    "string_pattern_mismatch": "Use lower snake case, e.g. stock_item.",
    "string_too_long": "Use at most 63 characters, the limit of Postgres.",
    "string_type": "Use a string; quote words that YAML reads as another type, such as 'null' or 'on'.",
}
_PARTS: dict[str, type[Spec]] = {
    "columns": Column,
    "satellites": Satellite,
    "link": Link,
    "HubMapping": HubMapping,
    "NonHistorizedLinkMapping": NonHistorizedLinkMapping,
    "ReferenceMapping": ReferenceMapping,
}


_TEXT, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"


# libyaml is about ten times faster than pure Python, and every command reads the metadata
class _UniqueKeyLoader(yaml.CSafeLoader):
    """A safe YAML loader that records duplicate keys and reads every key as a string.

    By default YAML keeps the last duplicate, and reads the column names `on` and `null` as other types.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.duplicates: list[tuple[str, int]] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                key.tag = _TEXT
        self.duplicates += [
            (key.value, key.start_mark.line + 1)
            for index, (key, _) in enumerate(node.value)
            if key.value in keys[:index]
        ]
        return super().construct_mapping(node, deep)


def read_yaml(folder: Path, file: str, issues: list[Issue]) -> dict[str, Any] | None:
    """Return the mapping in the file and append its issues; None if the file cannot be read."""
    path = folder / file
    if not path.is_file():
        issues.append(Issue(file, "", "the file does not exist", f"Create {file} in the metadata folder."))
        return None
    loader = _UniqueKeyLoader(path.read_text(encoding="utf-8"))
    try:
        raw = loader.get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        issues.append(Issue(file, line, f"not readable as YAML ({problem})", "Fix the YAML in this line."))
        return None
    issues += [
        Issue(file, key, f"duplicate key, again in line {line}", "Remove one of the two.")
        for key, line in loader.duplicates
    ]
    if raw is None or isinstance(raw, dict):
        return raw or {}
    issues.append(
        Issue(file, "", "a list or a single value instead of a mapping", "Write `key: value` lines.")
    )
    return None


def explain(
    error: ValidationError, spec: type[Spec], raw: dict[str, Any], file: str, under: str
) -> Iterator[Issue]:
    """Convert pydantic's errors about `raw` to issues; `under` is the key of `raw` in the file."""
    for detail in error.errors():
        key = ".".join(filter(None, [under, *_path(detail["loc"], raw)]))
        yield Issue(file, key, _problem(detail), _fix(detail, spec))


def _path(loc: tuple[int | str, ...], raw: Any) -> Iterator[str]:
    """Convert pydantic's location to a path of keys, with names instead of list indexes."""
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
            return f"{detail['loc'][-1]} is missing".replace("_", " ")
        case "string_pattern_mismatch":
            return f"'{detail['input']}' is not a valid {_field(detail).replace('_', ' ')}"
        case _:
            message = detail["msg"]
            return f"{message[0].lower()}{message[1:]} (here: {detail['input']!r})"


def _fix(detail: ErrorDetails, spec: type[Spec]) -> str:
    field = _field(detail)
    if detail["type"] == "extra_forbidden":
        return did_you_mean(str(detail["loc"][-1]), _known_keys(detail["loc"], spec))
    style = _STYLES.get(detail["type"], "")
    return _HINTS.get(field) or style or "See docs/reference/metadata.md for valid keys and values."


def _field(detail: ErrorDetails) -> str:
    return next((part for part in reversed(detail["loc"]) if isinstance(part, str)), "value")


def _known_keys(loc: tuple[int | str, ...], spec: type[BaseModel]) -> list[str]:
    inner = [part for part in loc[:-1] if isinstance(part, str) and part in _PARTS]
    part = _PARTS[inner[-1]] if inner else spec
    given_by_place = {"schema_name", "topic"} | ({"name"} if part is not Link else set())
    return [name for name in part.model_fields if name not in given_by_place]
