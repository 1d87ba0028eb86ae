"""Render figures and platform state as one self-contained HTML page."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import jinja2
import vl_convert
import yaml

from audit.platform_state import Status
from audit.query import Answer
from dashboard.figures import FOLDER

HERE = FOLDER.parent
VEGA_LITE = "6.4"
EMBED = "window.vegaEmbed = vegaEmbed;"


def page(answers: Mapping[str, Answer], state: Status, made_at: datetime) -> str:
    """Return the page. Raises ValueError if a chart is not valid Vega-Lite."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), undefined=jinja2.StrictUndefined, autoescape=True
    )
    return environment.get_template("page.html.j2").render(
        style=_text("page.css"),
        script=_text("page.js"),
        library=vl_convert.javascript_bundle(EMBED, vl_version=VEGA_LITE),
        figures=as_script({name: columnar(answer) for name, answer in answers.items()}),
        charts=as_script(charts()),
        state=state,
        made_at=made_at,
    )


def charts() -> dict[str, Any]:
    """Return the Vega specification of every chart, compiled here so that the page needs no compiler."""
    definitions = yaml.safe_load(_text("charts.yml"))
    return {
        name: vl_convert.vegalite_to_vega(chart | {"config": definitions["config"]}, vl_version=VEGA_LITE)
        for name, chart in definitions["charts"].items()
    }


def columnar(answer: Answer) -> dict[str, Any]:
    """Return {column: values}; texts and dates as {"of": distinct values, "at": index for each row}."""
    return {name: _column([row[place] for row in answer.rows]) for place, name in enumerate(answer.columns)}


def _column(values: list[Any]) -> list[Any] | dict[str, list[Any]]:
    if not any(isinstance(value, str | date) for value in values):
        return [_plain(value) for value in values]
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    texts = [value.isoformat() if isinstance(value, date) else value for value in places]
    return {"of": texts, "at": [places[value] for value in values]}


def _plain(value: Any) -> Any:
    """Return a JSON number; a NUMERIC without a fraction becomes an integer of any size."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def as_script(value: object) -> str:
    """Return JSON that is safe in a <script> element: no text in it can close the element."""
    plain = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return plain.replace("<", "\\u003c")


def _text(name: str) -> str:
    return (Path(HERE) / name).read_text(encoding="utf-8")
