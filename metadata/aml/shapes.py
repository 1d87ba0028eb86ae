"""Properties and nested blocks of each kind of AML block, as far as this project uses them."""

import re
from dataclasses import dataclass, field
from typing import Any

from metadata.aml.reader import Block, Call, Name, Text

# A kind of value: a class of metadata.aml.reader, a heredoc language, a set of texts, or a pattern.
Kind = type | str | frozenset[str] | re.Pattern[str] | tuple["Kind", ...]

FORMAT = re.compile(
    r"(\[\$[$€£]\])?#,###0?(\.0+)?(%|\\\\%|,+\"[KMB]\")?(\[\$[$€£]\])?|(dd|LLL?|yyyy|Qq|[-/ ,])+|inherited"
)
FIELD_TYPES = frozenset({"text", "number", "date", "datetime", "truefalse", "json", "unknown"})
TRANSFORMATION = re.compile(r"datetrunc (day|week|month|quarter|year)")


@dataclass(frozen=True)
class Shape:
    """Required and optional properties of a block, and the blocks that it can contain."""

    required: dict[str, Any] = field(default_factory=dict)
    optional: dict[str, Any] = field(default_factory=dict)
    allowed_blocks: frozenset[str] = frozenset()
    required_blocks: frozenset[str] = frozenset()


def _viz(
    required: dict[str, Any], optional: dict[str, Any], required_blocks: frozenset[str] = frozenset()
) -> Shape:
    return Shape(
        {"dataset": Name} | required,
        optional,
        frozenset({"settings", "filter"}) | required_blocks,
        required_blocks,
    )


_AXES = _viz({}, {"x_axis": Block, "legend": Block}, frozenset({"y_axis"}))

SHAPES: dict[str, Shape] = {
    "Model": Shape(
        {"type": frozenset({"table"}), "label": Text, "data_source_name": Text, "table_name": Text},
        {"description": Text, "owner": Text},
        frozenset({"dimension"}),
    ),
    "dimension": Shape(
        {"label": Text, "type": FIELD_TYPES},
        {"description": Text, "definition": "sql", "format": FORMAT, "hidden": bool, "primary_key": bool},
    ),
    "Dataset": Shape(
        {"data_source_name": Text, "models": tuple, "relationships": tuple},
        {"label": Text, "description": Text, "owner": Text},
        frozenset({"metric", "permission", "view"}),
    ),
    "permission": Shape({"field": Call, "operator": Text}, {"value": Text}),
    "metric": Shape(
        {"label": Text, "type": FIELD_TYPES, "definition": "aql"},
        {"description": Text, "format": FORMAT, "hidden": bool},
    ),
    "Dashboard": Shape(
        {"title": Text, "view": Block},
        {"description": Text, "owner": Text, "interactions": tuple, "theme": Name},
        frozenset({"block", "settings"}),
    ),
    "TextBlock": Shape({"content": "md"}),
    "VizBlock": Shape({"viz": Block}, {"label": Text, "description": Text}),
    "FilterBlock": Shape(
        {"label": Text, "type": frozenset({"field"}), "source": Block}, {}, frozenset({"default"})
    ),
    "DateDrillBlock": Shape({"label": Text}, {"default": Text}),
    "FieldFilterSource": Shape({"dataset": Name, "field": Call}),
    "MetricKpi": _viz({"value": Block}, {"compare_value": Block}),
    "LineChart": _AXES,
    "AreaChart": _AXES,
    "ColumnChart": _AXES,
    "BarChart": _AXES,
    "CombinationChart": _AXES,
    "PivotTable": _viz({}, {"rows": tuple, "columns": tuple, "values": tuple}),
    "DataTable": _viz({"fields": tuple}, {}),
    "VizFieldFull": Shape(
        {"ref": (Text, Call)},
        {"label": Text, "transformation": TRANSFORMATION, "uname": Text},
        frozenset({"format"}),
    ),
    "VizPopSettings": Shape(
        {"field": Call}, {"show_growth_rate": bool}, frozenset({"value"}), frozenset({"value"})
    ),
    "format": Shape({"type": frozenset({"auto", "text", "number", "date", "datetime"})}, {"pattern": FORMAT}),
    "y_axis": Shape({}, {"label": Text}, frozenset({"series", "settings"}), frozenset({"series"})),
    "series": Shape({"field": Block}, {}, frozenset({"settings"})),
    "filter": Shape({"field": Call, "operator": Text}, {"value": (Text, int, bool)}),
    "FilterInteraction": Shape({"from": Text, "to": tuple}),
    "DateDrillInteraction": Shape({"from": Text, "to": tuple}),
    "CustomMapping": Shape({"block": (Text, tuple), "field": Call}),
    "CanvasLayout": Shape(
        {"width": int, "height": int, "grid_size": int}, {"label": Text}, frozenset({"block", "mobile"})
    ),
    "TabLayout": Shape({}, {"label": Text}, frozenset({"tab"}), frozenset({"tab"})),
    "LinearLayout": Shape({}, {"label": Text}, frozenset({"block"})),
    "placed block": Shape({}, {"position": Call, "layer": int}),
    "mobile": Shape({"mode": frozenset({"auto", "manual"})}),
}
# blocks with unchecked content, since it differs from chart to chart
UNCHECKED = frozenset({"settings", "default", "value", "view", "group"})


def is_kind(value: object, kind: Any) -> bool:
    """Return whether a value is valid for a property of this kind."""
    match kind:
        case str():
            return isinstance(value, Text) and value.language == kind
        case frozenset():
            return isinstance(value, Text) and value.value in kind
        case re.Pattern():
            return isinstance(value, Text) and kind.fullmatch(value.value) is not None
        case tuple():
            return any(is_kind(value, each) for each in kind)
    if kind is Text:
        return isinstance(value, Text) and value.language is None
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def kind_text(kind: Any) -> str:
    """Return the text for a kind in messages."""
    match kind:
        case str():
            return f"@{kind} .. ;;"
        case frozenset():
            return f"one of {', '.join(sorted(kind))}"
        case re.Pattern():
            return "a pattern that Holistics documents"
        case tuple():
            return " or ".join(map(kind_text, kind))
    names = {Text: "a text in quotes", Name: "a name", bool: "true or false", int: "a whole number"}
    return names.get(kind, {Block: "a block", Call: "r(model.field)", tuple: "a list"}.get(kind, str(kind)))
