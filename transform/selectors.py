"""Make a part of `--select` that matches nothing an error, with similar names."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from config.errors import PermanentError
from metadata.errors import did_you_mean

# dbt only warns about a part of a selection that matches nothing, and builds the rest
STRICT_SELECTION = ("--warn-error-options", '{"error": ["NoNodesForSelectionCriteria"]}')
UNMATCHED = re.compile(r"The selection criterion '(?P<part>.+?)' does not match")
UNKNOWN_METHOD = re.compile(r"'(?P<method>[^']+)' is not a valid method name")
# graph operators around a method and a value: +name, 2+name+1, @tag:name
ATOM = re.compile(r"^(?:@|\d*\+)?(?:(?P<method>[a-z_.]+):)?(?P<value>.*?)(?:\+\d*)?$")
MAX_LISTED_NAMES = 10
Names = dict[str, set[str]]


def selection_error(text: str, manifest: Path) -> PermanentError | None:
    """Return the error if dbt's text says that a part of a selection matches nothing; None for other texts.

    `manifest`: dbt's manifest.json of the project.
    """
    if found := UNMATCHED.search(text):
        return nothing_selected([found["part"]], manifest)
    if found := UNKNOWN_METHOD.search(text):
        from dbt.graph.selector_methods import MethodName  # noqa: PLC0415 - takes seconds

        hint = did_you_mean(found["method"], [each.value for each in MethodName])
        return PermanentError(f"--select: '{found['method']}:' is not a method of dbt. {hint}")
    return None


def nothing_selected(select: Sequence[str], manifest: Path) -> PermanentError:
    """Return the error for a selection that matches nothing, with similar names of the project."""
    names = _names(manifest)
    parts = [part for each in select for part in each.split(",")]
    hints = dict.fromkeys(hint for part in parts if (hint := _hint(part, names)))
    return PermanentError(
        f"no model or test matches --select {' '.join(select)}. Nothing was built. {' '.join(hints)}".rstrip()
        + " Select a model, a folder such as marts, or a model with all its parents (+model)."
    )


def _hint(part: str, names: Names) -> str:
    """Return the most similar name of the same kind, or all names if there are few."""
    found = ATOM.match(part)
    method, value = (found["method"] or "", found["value"]) if found else ("", part)
    known = names.get(method, set())
    if value in known:  # it exists, but its intersection with another part is empty
        return ""
    prefix = f"{method}:" if method else ""
    hint = did_you_mean(f"{prefix}{value}", [f"{prefix}{name}" for name in known])
    return hint if hint.startswith("Did you mean") or (method and 0 < len(known) <= MAX_LISTED_NAMES) else ""


def _names(manifest: Path) -> Names:
    """Return {selector method: names in this project}; "" stands for names without a method."""
    try:
        project = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # dbt failed before it wrote the manifest
        return {}
    nodes = project["nodes"].values()
    sources = project["sources"].values()
    names: Names = {
        "": {name for node in nodes for name in (node["name"], *node["fqn"])},
        "tag": {tag for node in [*nodes, *sources] for tag in node["tags"]},
        "source": {name for each in sources for name in (each["source_name"], _source(each))},
        "path": {str(folder) for node in nodes for folder in _paths(node["original_file_path"])},
        "file": {Path(node["original_file_path"]).name for node in nodes},
        "package": {node["package_name"] for node in nodes},
        "resource_type": {node["resource_type"] for node in nodes},
        "test_name": {node["test_metadata"]["name"] for node in nodes if node.get("test_metadata")},
        "config.materialized": {node["config"].get("materialized") or "" for node in nodes} - {""},
    }
    return names | {"fqn": names[""]}


def _source(source: dict[str, str]) -> str:
    return f"{source['source_name']}.{source['name']}"


def _paths(file: str) -> Sequence[Path]:
    path = Path(file)
    return [path, *path.parents][:-1]
