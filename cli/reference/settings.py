"""Write docs/reference/settings.md: every setting, from the class that reads them."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cli.reference import markdown
from config.child_environment import CONNECTION, KEPT
from config.settings import PROJECT_ROOT, Settings


def page() -> str:
    """Return the page."""
    return markdown.page("config/settings.py", "Settings", _parts())


def _parts() -> Iterator[str]:
    yield (
        "A setting is read from the environment, then from `.env` in the current folder, then from `.env` in "
        "the project folder; otherwise the default applies. [.env.example](../../.env.example) lists all of "
        "them. A blank value counts as unset. A wrong value or an unknown `WWI_` name stops every command "
        "with an error that names it. The only other `WWI_` names are `WWI_RAW_PREFIX`, which is passed to "
        "dbt, and those of tests and benchmarks (`WWI_TEST_`, `WWI_HISTORY_`, `WWI_CHAOS_`, `WWI_BENCH_`)."
    )
    yield markdown.table(
        ("setting", "values", "default", "description"),
        (
            (
                markdown.code(f"WWI_{name.upper()}"),
                _values(field),
                _default(field.default),
                field.description or "",
            )
            for name, field in Settings.model_fields.items()
        ),
    )
    yield "## Variables of other tools"
    yield (
        "These variables are used. All other variables of dbt (`DBT_`) and Prefect (`PREFECT_`) are ignored, "
        "also in files of the current folder (`.env`, `prefect.toml`, `pyproject.toml`), because settings of "
        "another project must not change a load; a warning lists them. `wwi` also ignores `PYTHONPATH`, "
        "`PYTHONWARNINGS` and other variables that change what Python runs."
    )
    yield markdown.table(
        ("variable", "description"),
        (
            (
                "`GOOGLE_APPLICATION_CREDENTIALS`",
                "Key file of a service account, read by Google's client. Default: Application Default "
                "Credentials. Credentials are never read from `.env`.",
            ),
            ("`PREFECT_API_URL`", "URL of a running Prefect server to use instead of a temporary one."),
            (_codes(CONNECTION[1:]), "Connection to that server, and the URL of its page in links."),
            (_codes(KEPT), "What Prefect logs, and how often its worker polls for runs."),
            ("`DBT_PACKAGE_HUB_URL`", "URL of another dbt package hub, only for `wwi deps`."),
        ),
    )


def _codes(names: Iterable[str]) -> str:
    return ", ".join(map(markdown.code, names))


def _values(field: FieldInfo) -> str:
    kinds = [kind for kind in _members(field.annotation) if kind is not type(None)]
    types = ", ".join(
        ", ".join(map(markdown.code, get_args(kind))) if get_origin(kind) is Literal else _kind(kind)
        for kind in kinds
    )
    bounds = [bound for each in field.metadata if (bound := _bound(each))]
    return " ".join([types, *bounds])


def _members(annotation: Any) -> tuple[Any, ...]:
    """Return the types of a union. A Literal counts as one type."""
    inner = () if get_origin(annotation) is Literal else get_args(annotation)
    return inner or (annotation,)


def _kind(kind: Any) -> str:
    names = {"str": "text", "int": "number", "Decimal": "number", "Path": "folder"}
    return "`true`, `false`" if kind is bool else names.get(kind.__name__, kind.__name__)


def _bound(constraint: Any) -> str:
    match constraint:
        case annotated_types.Ge(ge=least):
            return f"from {least}"
        case annotated_types.Le(le=most):
            return f"to {most}"
        case _:
            return ""


def _default(value: Any) -> str:
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, Path):  # relative: the page must not contain the path of this checkout
        return f"{markdown.code(value.relative_to(PROJECT_ROOT))} in the project"
    return markdown.code(str(value).lower() if isinstance(value, bool) else value)
