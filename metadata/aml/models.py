"""Generate the Holistics models: label, type and format of every column, from the contracts of the marts.

A label that two models share gets the model's label as prefix: "Supplier Category". Hidden are keys,
valid_from and valid_to, and the numbers of facts, which have metrics.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import jinja2

from metadata.aml.presentation import ModelPresentation, Presentation, shown_marts
from metadata.generated_text import MARK, environment
from metadata.marts import Mart, MartColumn

MODELS = "models"
TYPES = {
    "int64": "number",
    "float64": "number",
    "numeric": "number",
    "bignumeric": "number",
    "string": "text",
    "bool": "truefalse",
    "date": "date",
    "datetime": "datetime",
    "timestamp": "datetime",
    "json": "json",
}
# Holistics has no type for these
UNSUPPORTED = ("bytes", "geography")
MONEY, COUNT, DATE = "[$$]#,###0.00", "#,###0", "LLL dd, yyyy"
VERSION = ("valid_from", "valid_to")
WORDS = {"id": "ID", "iso": "ISO", "to": "to", "of": "of"}


@dataclass(frozen=True)
class Dimension:
    """A field of a model. `sql`: its definition, with `{{ #SOURCE.column }}` for columns."""

    name: str
    label: str
    type: str
    description: str
    format: str | None
    hidden: bool
    primary_key: bool
    sql: str


@dataclass(frozen=True)
class Model:
    """A Holistics model of a mart."""

    name: str
    label: str
    description: str
    is_fact: bool
    dimensions: tuple[Dimension, ...]


@dataclass(frozen=True)
class Role:
    """A dimension under another name; every visible field gets a unique label."""

    name: str
    of: str
    label: str
    labels: tuple[tuple[str, str], ...]


def aml_type(data_type: str) -> str | None:
    """Return the Holistics type of a BigQuery type, or None if unsupported. Raises KeyError if unknown."""
    base = data_type.partition("(")[0]
    return None if base in UNSUPPORTED else TYPES[base]


def holistics_files(marts: Sequence[Mart], presentation: Presentation) -> dict[str, str]:
    """Return path below metadata/holistics -> AML of every model and role."""
    model_template, role_template = _templates(presentation)
    models = {model.name: model for model in holistics_models(marts, presentation)}
    files = {}
    for model in models.values():
        folder = "facts" if model.is_fact else "dimensions"
        files[f"{MODELS}/{folder}/{model.name}.model.aml"] = model_template.render(model=model)
    for role in _roles(models, presentation):
        files[f"{MODELS}/roles/{role.name}.model.aml"] = role_template.render(role=role)
    return files


def holistics_models(marts: Sequence[Mart], presentation: Presentation) -> tuple[Model, ...]:
    """Return the models of all exposed marts, sorted by name."""
    shown = [(mart, presentation.models[mart.name]) for mart in shown_marts(marts)]
    counted = Counter(
        _plain_label(column, config) for mart, config in shown for column in _columns(mart, config)
    )
    return tuple(
        Model(
            mart.name, config.label, mart.description, mart.is_fact, tuple(_dimensions(mart, config, counted))
        )
        for mart, config in shown
    )


def _columns(mart: Mart, config: ModelPresentation) -> list[MartColumn]:
    """Return the exposed columns of the contract, then the computed ones."""
    kept = [
        column
        for column in mart.columns
        if aml_type(column.type) and (not config.only or column.name in config.only)
    ]
    computed = (
        MartColumn(name, column.data_type, column.description, False, None)
        for name, column in config.computed.items()
    )
    return [*kept, *computed]


def _dimensions(mart: Mart, config: ModelPresentation, counted: Mapping[str, int]) -> Iterator[Dimension]:
    for column in _columns(mart, config):
        is_key = column.name == mart.columns[0].name
        computed = config.computed.get(column.name)
        sql = computed.sql if computed else f"{{{column.name}}}"
        yield Dimension(
            column.name,
            _label(column, config, counted),
            aml_type(column.type) or "unknown",
            column.description,
            _format(column),
            _is_hidden(mart, column, config),
            is_key,
            sql.replace("{", "{{ #SOURCE.").replace("}", " }}"),
        )


def _plain_label(column: MartColumn, config: ModelPresentation) -> str:
    words = column.name.removeprefix("wwi_").split("_")
    return config.labels.get(column.name) or " ".join(WORDS.get(word, word.capitalize()) for word in words)


def _label(column: MartColumn, config: ModelPresentation, counted: Mapping[str, int]) -> str:
    label = _plain_label(column, config)
    is_shared = counted[label] > 1 and not label.startswith(config.label)
    return f"{config.label} {label}" if is_shared else label


def _format(column: MartColumn) -> str | None:
    """Return the format by unit and scale; identifiers have none, since 1,234 would mislead."""
    base, _, scale = column.type.partition("(")
    if base == "date":
        return DATE
    if aml_type(column.type) != "number" or _is_identifier(column):
        return None
    if "US dollars" in column.description:
        return MONEY
    digits = int(scale.rstrip(")").rpartition(",")[2]) if scale else 0
    return f"{COUNT}.{'0' * digits}" if digits else COUNT


def _is_identifier(column: MartColumn) -> bool:
    """Whether the column is a key or another identifier."""
    return column.refers_to is not None or column.name.endswith(("_key", "_id", "_sensor_number"))


def _is_hidden(mart: Mart, column: MartColumn, config: ModelPresentation) -> bool:
    if column.refers_to or column.name.endswith("_key") or column.name in VERSION:
        return True
    is_measure = mart.is_fact and aml_type(column.type) == "number" and not _is_identifier(column)
    return is_measure and column.name not in config.numbers


def _roles(models: Mapping[str, Model], presentation: Presentation) -> Iterator[Role]:
    for name, config in presentation.roles.items():
        base = models[config.of]
        labels = (
            (field.name, _role_label(field.label, base.label, config.label))
            for field in base.dimensions
            if not field.hidden
        )
        yield Role(name, config.of, config.label, tuple(labels))


def _role_label(label: str, base: str, role: str) -> str:
    """Return the label in a role: `Bill-to Customer Category`, `Delivery Fiscal Year`."""
    if label.startswith(base):
        return f"{role}{label.removeprefix(base)}"
    return f"{role.removesuffix(f' {base}')} {label}"


def quoted(text: str) -> str:
    """Return the text as an AML string on one line."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\${").replace("\n", " ")
    return f"'{escaped}'"


def _templates(presentation: Presentation) -> tuple[jinja2.Template, jinja2.Template]:
    found = environment()
    found.filters["quoted"] = quoted
    found.globals["mark"] = f"// {MARK}"
    found.globals["presentation"] = presentation
    return found.get_template("model.aml.j2"), found.get_template("role.aml.j2")
