"""Write docs/reference/metadata.md: the keys of the YAML metadata, from their classes."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from cli.reference import markdown
from metadata.mappings import (
    Hub,
    HubMapping,
    Link,
    NonHistorizedLinkMapping,
    ReferenceMapping,
    Satellite,
    Spec,
)
from metadata.reconciliation import Fact
from metadata.spec import Column, Table

# class, title with its place in the YAML, and the fields that come from that place instead of a key
PARTS: tuple[tuple[type[Spec], str, tuple[str, ...]], ...] = (
    (Table, "a table: `metadata/tables/<schema>/<table>.yml`", ("schema_name", "name")),
    (Column, "a column: `columns.<name>` of a table", ("name",)),
    (HubMapping, "rows of a hub: `vault` of a table, with the key `hub`", ()),
    (NonHistorizedLinkMapping, "a non-historized link: `vault` of a table, with the key `event`", ()),
    (ReferenceMapping, "a reference table: `vault` of a table, with the key `reference`", ()),
    (Link, "a link: `vault.link` of a table", ()),
    (Satellite, "a satellite: `vault.satellites.<topic>` of a table", ("topic",)),
    (Hub, "a hub: `<concept>` in `metadata/hubs.yml`", ("name",)),
    (Fact, "control totals of a fact: `facts.<mart>` in `metadata/reconciliation.yml`", ("name",)),
)


def page() -> str:
    """Return the page."""
    return markdown.page("metadata/spec.py", "Metadata", _parts())


def _parts() -> Iterator[str]:
    yield (
        "The keys of the YAML files in `metadata/`. An unknown key, a wrong type or an inconsistent part "
        "stops every command with an error that names the file, the key and the fix. Run `make generate` "
        "after a change. An example: [add a source table](../how_to/add_a_source_table.md)."
    )
    yield (
        "`metadata/shared_columns.yml` describes columns that many tables have (`<column>: <sentence>`). "
        "`metadata/holistics.yml` contains the names of the marts in Holistics; its first lines explain its "
        "keys."
    )
    for spec, title, elsewhere in PARTS:
        yield f"## {title[0].upper()}{title[1:]}"
        yield markdown.prose(spec.__doc__)
        yield markdown.table(
            ("key", "", "value"),
            (
                (markdown.code(name), _need(field), _type(field.annotation))
                for name, field in spec.model_fields.items()
                if name not in elsewhere
            ),
        )


def _need(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    return "" if default in (None, (), {}) else f"default: {markdown.code(str(default).lower())}"


def _type(annotation: Any) -> str:
    """Return the form of a value in YAML."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    match get_origin(annotation), get_args(annotation):
        case (origin, inner) if origin in (Union, types.UnionType):
            return " or ".join(dict.fromkeys(_type(each) for each in inner if each is not type(None)))
        case (origin, inner) if origin is Literal:
            return ", ".join(map(markdown.code, inner))
        case (origin, inner) if origin is tuple:
            element = _type(inner[0])
            return "list of names" if element == "text" else f"`<name>: {element}`, see below"
        case (origin, inner) if origin is dict:
            return "`<name>: text`"
        case _:
            return _plain(annotation)


def _plain(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, Spec):
        return next(title.partition(":")[0] for spec, title, _ in PARTS if spec is kind)
    return {bool: "`true` or `false`", int: "number"}.get(kind, "text")
