"""docs/reference/settings.md: every setting, from the class that reads them."""

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
        "A setting is read from the environment, else from `.env` in the current folder, else from `.env` in "
        "the project's, else it is the default. [.env.example](../../.env.example) has them all, ready to "
        "copy. A blank value counts as unset. A wrong value and an unknown `WWI_` name stop every command "
        "and are named; the only other names are `WWI_RAW_PREFIX`, which dbt gets, and those of tests and "
        "benchmarks (`WWI_TEST_`, `WWI_HISTORY_`, `WWI_CHAOS_`, `WWI_BENCH_`)."
    )
    yield markdown.table(
        ("setting", "values", "default", "what it is"),
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
    yield "## Read by others"
    yield (
        "All other variables of dbt (`DBT_`) and Prefect (`PREFECT_`) are ignored, also those in files of "
        "the current folder (`.env`, `prefect.toml`, `pyproject.toml`): what another project left behind "
        "must not change a load. A warning names them. `wwi` also ignores `PYTHONPATH`, `PYTHONWARNINGS` and "
        "other variables that change what Python runs."
    )
    yield markdown.table(
        ("variable", "what it is"),
        (
            (
                "`GOOGLE_APPLICATION_CREDENTIALS`",
                "Key file of a service account, read by Google's client; without it Application Default "
                "Credentials. No credential is read from `.env`.",
            ),
            ("`PREFECT_API_URL`", "A Prefect server that runs already, used instead of a temporary one."),
            (_codes(CONNECTION[1:]), "How to reach that server."),
            (_codes(KEPT), "What Prefect logs, and how often its worker asks for work."),
            ("`DBT_PACKAGE_HUB_URL`", "Another dbt package hub, for `wwi deps` only."),
        ),
    )


def _codes(names: Iterable[str]) -> str:
    return ", ".join(map(markdown.code, names))


def _values(field: FieldInfo) -> str:
    kinds = [kind for kind in _members(field.annotation) if kind is not type(None)]
    told = ", ".join(
        ", ".join(map(markdown.code, get_args(kind))) if get_origin(kind) is Literal else _kind(kind)
        for kind in kinds
    )
    bounds = [bound for each in field.metadata if (bound := _bound(each))]
    return " ".join([told, *bounds])


def _members(annotation: Any) -> tuple[Any, ...]:
    """The types of a union; a Literal is one of them, not its values."""
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
    if isinstance(value, Path):  # as it is for everybody, not in this checkout
        return f"{markdown.code(value.relative_to(PROJECT_ROOT))} in the project"
    return markdown.code(str(value).lower() if isinstance(value, bool) else value)
