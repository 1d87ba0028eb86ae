"""Write entries as dbt YAML."""

import re
from collections.abc import Iterable
from typing import Any

import yaml

from metadata.check_vault import HUBS_FILE
from metadata.codegen.models import (
    Field,
)
from metadata.generated_text import header
from metadata.load import SHARED_FILE

Entry = dict[str, Any]


SOURCES = (HUBS_FILE, SHARED_FILE, "tables/*/*.yml")


# start of Jinja syntax, since dbt renders descriptions
_JINJA = re.compile(r"\{[{%#]")


class _Dumper(yaml.SafeDumper):
    """Indent lists below their key and write no aliases."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True


def yaml_of(content: Entry) -> str:
    body = yaml.dump(
        {"version": 2, **_with_plain_descriptions(content)},
        Dumper=_Dumper,
        sort_keys=False,
        width=100,
        allow_unicode=True,
    )
    return f"{header(SOURCES, '#')}\n\n{body}"


def _with_plain_descriptions(value: Any) -> Any:
    """Escape Jinja in every description, so that dbt renders it to the original text."""
    if isinstance(value, list):
        return [_with_plain_descriptions(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _JINJA.sub(lambda found: f"{{{{ '{found[0]}' }}}}", each)
        if key == "description" and isinstance(each, str)
        else _with_plain_descriptions(each)
        for key, each in value.items()
    }


def column_entry(field: Field, tests: Iterable[str | Entry] = ()) -> Entry:
    entry: Entry = {"name": field.name, "description": field.description}
    if field.personal:
        entry["config"] = {"meta": {"sensitivity": "personal"}}
    if tests := list(tests):
        entry["data_tests"] = tests
    return entry


def column_entries(fields: Iterable[Field]) -> list[Entry]:
    return [column_entry(field) for field in fields]
