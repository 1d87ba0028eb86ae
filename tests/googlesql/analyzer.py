"""Google's own SQL analyzer, set as near to BigQuery as it goes.

`zetasql` is the analyzer inside BigQuery, Spanner and the rest, compiled to WebAssembly: it knows GoogleSQL,
not which part of it an engine offers. What BigQuery lacks is switched off here by name; what BigQuery asks
for besides is in `rules`.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import wasmtime
import zetasql.types as zt
from zetasql.core import wasm_client
from zetasql.core.exceptions import ServerError
from zetasql.core.local_service import ZetaSqlLocalService

TablePath = tuple[str, ...]

# features of GoogleSQL that other engines have, as the analyzer spells them, without FEATURE_
NOT_IN_BIGQUERY = (Path(__file__).parent / "not_in_bigquery.txt").read_text().split()
# switches that take something away, off by default because other engines have it
LIKE_BIGQUERY = ["DISABLE_FLOAT32"]

TYPE_NAMES = {
    zt.TypeKind.TYPE_INT64: "INT64",
    zt.TypeKind.TYPE_BOOL: "BOOL",
    zt.TypeKind.TYPE_DOUBLE: "FLOAT64",
    zt.TypeKind.TYPE_STRING: "STRING",
    zt.TypeKind.TYPE_BYTES: "BYTES",
    zt.TypeKind.TYPE_DATE: "DATE",
    zt.TypeKind.TYPE_TIMESTAMP: "TIMESTAMP",
    zt.TypeKind.TYPE_TIME: "TIME",
    zt.TypeKind.TYPE_DATETIME: "DATETIME",
    zt.TypeKind.TYPE_GEOGRAPHY: "GEOGRAPHY",
    zt.TypeKind.TYPE_NUMERIC: "NUMERIC",
    zt.TypeKind.TYPE_BIGNUMERIC: "BIGNUMERIC",
    zt.TypeKind.TYPE_JSON: "JSON",
    zt.TypeKind.TYPE_INTERVAL: "INTERVAL",
}
_KINDS = {name: kind for kind, name in TYPE_NAMES.items()} | {
    "INTEGER": zt.TypeKind.TYPE_INT64,
    "BOOLEAN": zt.TypeKind.TYPE_BOOL,
    "FLOAT": zt.TypeKind.TYPE_DOUBLE,
}


class RefusedError(Exception):
    """What BigQuery would answer to a statement that it cannot run."""


@dataclass(frozen=True)
class Column:
    """A column and its type as BigQuery spells it, `INT64`; `kind` is the analyzer's own of that type."""

    name: str
    type: str
    kind: Any
    required: bool = False


@dataclass(frozen=True)
class Statement:
    """A statement as the analyzer understood it.

    `kind` is its class without `Resolved` and `Stmt`: Query, CreateTableAsSelect, Merge. `columns` are those
    it returns, or those of the table that it makes at `target`.
    """

    kind: str
    node: Any
    columns: tuple[Column, ...] = ()
    target: TablePath | None = None


class Analyzer:
    """The tables known so far, and statements resolved against them."""

    def __init__(self) -> None:
        self.tables: dict[TablePath, tuple[Column, ...]] = {}
        self._known: dict[Hashable, list[Statement]] = {}

    def analyze(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[Statement]:
        """Return the statements of a script, in order; tables are not changed.

        `parameters` maps names to BigQuery types. Raises RefusedError with Google's message.
        """
        named = self._named(sql)
        tables = tuple((path, tuple((each.name, each.type) for each in columns)) for path, columns in named)
        # the tests of a second build ask the same of tables of the same columns
        asked = (sql, tuple(sorted((parameters or {}).items())), tables)
        if asked not in self._known:
            self._known[asked] = list(_statements(sql, parameters or {}, dict(named)))
        return self._known[asked]

    def _named(self, sql: str) -> list[tuple[TablePath, tuple[Column, ...]]]:
        """Of all tables those that occur, as they are spelled: all of them cost more than the analysis."""
        text = sql.lower()
        return [
            (spelling, columns)
            for path, columns in self.tables.items()
            if path[-1].lower() in text
            for spelling in _spelled(path, text)
        ]


def _statements(
    sql: str, parameters: Mapping[str, str], tables: Mapping[TablePath, tuple[Column, ...]]
) -> Iterator[Statement]:
    position, end = 0, len(sql.encode())
    builtin = zt.ZetaSQLBuiltinFunctionOptions(language_options=_language())
    catalog = replace(_nested("bigquery", tables), builtin_function_options=builtin)
    options = _options(parameters)
    while position < end:
        location = zt.ParseResumeLocation(input=sql, byte_position=position)
        try:
            answer = _service().analyze(
                parse_resume_location=location, options=options, simple_catalog=catalog
            )
        except ServerError as error:
            raise RefusedError(error.raw_error.partition("Message: ")[2]) from error
        yield _statement(answer.resolved_statement)
        position = answer.resume_byte_position
        if not sql.encode()[position:].strip():
            return


def column(name: str, type_name: str, *, required: bool = False) -> Column:
    """Make a column of a scalar type, by BigQuery's name of it: `INT64` or, in its API, `INTEGER`."""
    kind = _KINDS[type_name.partition("(")[0].strip().upper()]
    return Column(name, TYPE_NAMES[kind], zt.Type(type_kind=kind), required)


def nodes(root: Any) -> Iterator[Any]:
    """Every node below a resolved node, itself first."""
    todo = [root]
    while todo:
        node = todo.pop()
        if isinstance(node, list):
            todo.extend(node)
        elif is_dataclass(node):
            yield node
            todo.extend(getattr(node, each.name) for each in fields(node))


def _spelled(path: TablePath, text: str) -> list[TablePath]:
    """The ways in which a text in lower case writes a path: parts in quotes of their own, or all in one."""
    project, dataset, *rest = path
    ways = [path, (f"{project}.{dataset}", *rest), (".".join(path),), (dataset, *rest)]
    found = [way for way in ways if "`{}`".format("`.`".join(way)).lower() in text]
    return found or ways  # without quotes, or with quotes of some parts only


def _nested(name: str, tables: Mapping[TablePath, tuple[Column, ...]]) -> Any:
    """Catalogs in catalogs, as the parts of a table's path."""
    below: dict[str, dict[TablePath, tuple[Column, ...]]] = {}
    for path, columns in tables.items():
        if len(path) > 1:
            below.setdefault(path[0], {})[path[1:]] = columns
    return zt.SimpleCatalog(
        name=name,
        table=[_table(path[0], columns) for path, columns in tables.items() if len(path) == 1],
        catalog=[_nested(*each) for each in below.items()],
    )


def _table(name: str, columns: tuple[Column, ...]) -> Any:
    return zt.SimpleTable(
        name=name, column=[zt.SimpleColumn(name=each.name, type=each.kind) for each in columns]
    )


def _statement(node: Any) -> Statement:
    kind = type(node).__name__.removeprefix("Resolved").removesuffix("Stmt")
    if isinstance(node, zt.ResolvedCreateTableStmtBase | zt.ResolvedCreateViewBase):
        made = node.column_definition_list or node.output_column_list
        return Statement(kind, node, tuple(map(_defined, made)), tuple(".".join(node.name_path).split(".")))
    if isinstance(node, zt.ResolvedQueryStmt):
        return Statement(kind, node, tuple(map(_defined, node.output_column_list)))
    return Statement(kind, node)


def _defined(found: Any) -> Column:
    kind = getattr(found, "type", None) or found.column.type
    required = bool(getattr(getattr(found, "annotations", None), "not_null", False))
    return Column(found.name, type_name(kind), kind, required)


def type_name(kind: Any) -> str:
    """Spell a type as BigQuery does."""
    if kind.array_type:
        return f"ARRAY<{type_name(kind.array_type.element_type)}>"
    if kind.struct_type:
        parts = [f"{each.field_name} {type_name(each.field_type)}" for each in kind.struct_type.field]
        return f"STRUCT<{', '.join(parts)}>"
    if kind.type_kind not in TYPE_NAMES:
        raise RefusedError(f"BigQuery has no type {zt.TypeKind(kind.type_kind).name}")
    return TYPE_NAMES[kind.type_kind]


def _options(parameters: Mapping[str, str]) -> Any:
    return zt.AnalyzerOptions(
        language_options=_language(),
        error_message_mode=zt.ErrorMessageMode.ERROR_MESSAGE_ONE_LINE,
        default_timezone="UTC",
        query_parameters=[
            zt.AnalyzerOptions.QueryParameter(name=name, type=zt.Type(type_kind=_KINDS[kind]))
            for name, kind in parameters.items()
        ],
    )


@cache
def _language() -> Any:
    _service()  # started here, it is kept compiled; the next line would start one that is not
    language = zt.LanguageOptions()
    language.enable_maximum_language_features()
    absent = {zt.LanguageFeature[f"FEATURE_{name}"] for name in NOT_IN_BIGQUERY}
    present = {zt.LanguageFeature[f"FEATURE_{name}"] for name in LIKE_BIGQUERY}
    language.enabled_language_features = sorted((set(language.enabled_language_features) - absent) | present)
    language.name_resolution_mode = zt.NameResolutionMode.NAME_RESOLUTION_DEFAULT
    language.product_mode = zt.ProductMode.PRODUCT_EXTERNAL  # no INT32, UINT64, FLOAT, DOUBLE
    language.reserved_keywords = ["QUALIFY"]
    language.supported_statement_kinds = []
    return language


class _CachedConfig(wasmtime.Config):
    """Keeps the compiled analyzer in the user's cache folder, so a machine compiles it once."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = True


@cache
def _service() -> ZetaSqlLocalService:
    plain = wasm_client.Config
    wasm_client.Config = _CachedConfig
    try:
        return ZetaSqlLocalService.get_instance()
    finally:
        wasm_client.Config = plain
