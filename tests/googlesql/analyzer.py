"""Google's SQL analyzer, configured like BigQuery.

`zetasql` is the analyzer of BigQuery and Spanner, compiled to WebAssembly. It knows all of GoogleSQL.
Features that BigQuery lacks are disabled here; additional rules of BigQuery are in `rules`.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import wasmtime
import zetasql.types as zt
from zetasql.core import wasm_client
from zetasql.core.exceptions import ServerError
from zetasql.core.local_service import ZetaSqlLocalService
from zetasql.wasi._pb2.zetasql.local_service.local_service_pb2 import AnalyzeResponse

from tests.googlesql.resolved import below, concrete, kind, read

TablePath = tuple[str, ...]

# features that BigQuery does not have, in the spelling of the analyzer without FEATURE_
NOT_IN_BIGQUERY = (Path(__file__).parent / "not_in_bigquery.txt").read_text().split()
# features that restrict the language, disabled by default
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
MAKES_A_TABLE = ("CreateTable", "CreateTableAsSelect", "CreateView", "CreateMaterializedView")


class RefusedError(Exception):
    """The error that BigQuery would return for an invalid statement."""


@dataclass(frozen=True)
class Column:
    """A column with its BigQuery type such as `INT64`; `kind` is the analyzer's type."""

    name: str
    type: str
    kind: Any = field(compare=False)
    required: bool = False


@dataclass(frozen=True)
class Statement:
    """An analysed statement.

    `kind` is its class without `Resolved` and `Stmt`: Query, CreateTableAsSelect, Merge. `functions` are the
    called functions and operators in the analyzer's spelling: `md5`, `$equal`. `columns` are those of the
    result or of the created table. `target` is the created table or view, `dataset` the created dataset.
    `partitions` are function (`timestamp_trunc`, or "") and column of each partition expression. `is_total`:
    an aggregate without groups, which always returns one row.
    """

    kind: str
    functions: frozenset[str]
    columns: tuple[Column, ...] = ()
    target: TablePath | None = None
    partitions: tuple[tuple[str, str], ...] = ()
    clusters: tuple[str, ...] = ()
    dataset: str | None = None
    is_total: bool = False


class Analyzer:
    """Analyse statements against the tables known so far."""

    def __init__(self) -> None:
        self.tables: dict[TablePath, tuple[Column, ...]] = {}
        self._known: dict[Hashable, list[Statement]] = {}

    def analyze(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[Statement]:
        """Return the statements of a script, in order; tables are not changed.

        `parameters` maps names to BigQuery types. Raises RefusedError with Google's message.
        """
        named = self._named(sql)
        tables = tuple((path, tuple((each.name, each.type) for each in columns)) for path, columns in named)
        # the tests of a second build repeat statements on tables with the same columns
        asked = (sql, tuple(sorted((parameters or {}).items())), tables)
        if asked not in self._known:
            self._known[asked] = list(_statements(sql, parameters or {}, dict(named)))
        return self._known[asked]

    def _named(self, sql: str) -> list[tuple[TablePath, tuple[Column, ...]]]:
        """Return the tables that occur in the SQL; passing all would take longer than the analysis."""
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
        request = zt.AnalyzeRequest(
            options=options,
            parse_resume_location=zt.ParseResumeLocation(input=sql, byte_position=position),
            simple_catalog=catalog,
        ).to_proto()
        try:
            # not `_service().analyze`, which creates an object for every node of the result
            answer = _service().wasm_client.call_grpc_func(
                "ZetaSqlLocalService_Analyze", request, AnalyzeResponse
            )
        except ServerError as error:
            raise RefusedError(error.raw_error.partition("Message: ")[2]) from error
        yield _statement(concrete(answer.resolved_statement))
        position = answer.resume_byte_position
        if not sql.encode()[position:].strip():
            return


def column(name: str, type_name: str, *, required: bool = False) -> Column:
    """Return a column of a scalar type, named as in BigQuery's SQL (`INT64`) or API (`INTEGER`)."""
    found = _KINDS[type_name.partition("(")[0].strip().upper()]
    return Column(name, TYPE_NAMES[found], zt.Type(type_kind=found).to_proto(), required)


def _spelled(path: TablePath, text: str) -> list[TablePath]:
    """Return the spellings of a path that occur in the lower-case text."""
    project, dataset, *rest = path
    ways = [path, (f"{project}.{dataset}", *rest), (".".join(path),), (dataset, *rest)]
    found = [way for way in ways if "`{}`".format("`.`".join(way)).lower() in text]
    return found or ways  # without quotes, or with some parts in quotes


def _nested(name: str, tables: Mapping[TablePath, tuple[Column, ...]]) -> Any:
    """Return nested catalogs for the parts of table paths."""
    below: dict[str, dict[TablePath, tuple[Column, ...]]] = {}
    for path, columns in tables.items():
        if len(path) > 1:
            below.setdefault(path[0], {})[path[1:]] = columns
    return zt.SimpleCatalog(
        name=name,
        table=[_table(path[0], columns) for path, columns in tables.items() if len(path) == 1],
        catalog=[_nested(*each) for each in below.items()],
    )


@cache
def _table(name: str, columns: tuple[Column, ...]) -> Any:
    return zt.SimpleTable(
        name=name, column=[zt.SimpleColumn(name=each.name, type=each.kind) for each in columns]
    ).to_proto()


def _statement(node: Any) -> Statement:
    found = Statement(kind(node).removesuffix("Stmt"), frozenset(_functions(node)))
    if found.kind != "Query" and not found.kind.startswith("Create"):
        return found
    columns = read(node, "column_definition_list") or read(node, "output_column_list") or ()
    found = replace(found, columns=tuple(map(_defined, columns)))
    if found.kind == "Query":
        return replace(found, is_total=_is_total(node.query))
    if found.kind == "CreateSchema":
        return replace(found, dataset=read(node, "name_path")[-1])
    if found.kind not in MAKES_A_TABLE:
        return found
    return replace(
        found,
        target=tuple(".".join(read(node, "name_path")).split(".")),
        partitions=tuple(pair for each in read(node, "partition_by_list", ()) for pair in _partitions(each)),
        clusters=tuple(name for each in read(node, "cluster_by_list", ()) for name in _column_refs(each)),
    )


def _functions(node: Any) -> Iterator[str]:
    for each in below(node):
        if kind(each) == "FunctionRef":
            yield _function_name(each)


def _function_name(function: Any) -> str:
    name: str = function.name  # `ZetaSQL:md5`
    return name.rpartition(":")[2].lower()


def _column_refs(node: Any) -> Iterator[str]:
    return (each.column.name for each in below(node) if kind(each) == "ColumnRef")


def _partitions(expression: Any) -> Iterator[tuple[str, str]]:
    function = read(concrete(expression), "function")
    called = _function_name(function) if function else ""
    return ((called, name) for name in _column_refs(expression))


def _is_total(query: Any) -> bool:
    scan = concrete(query)
    match kind(scan):
        case "WithScan":
            return _is_total(scan.query)
        case "ProjectScan" | "OrderByScan" | "LimitOffsetScan":
            return _is_total(scan.input_scan)
        case "AggregateScan":
            return not read(scan, "group_by_list")
    return kind(scan) == "SingleRowScan"


def _defined(found: Any) -> Column:
    own = found.type if "type" in found.DESCRIPTOR.fields_by_name else found.column.type
    annotations = read(found, "annotations")
    required = bool(annotations and read(annotations, "not_null"))
    return Column(found.name, type_name(own), _kept(own), required)


def _kept(found: Any) -> Any:
    """Return a copy, because a reference would keep the whole result in memory."""
    copy = type(found)()
    copy.CopyFrom(found)
    return copy


def type_name(found: Any) -> str:
    """Spell a type as BigQuery does."""
    if found.HasField("array_type"):
        return f"ARRAY<{type_name(found.array_type.element_type)}>"
    if found.HasField("struct_type"):
        parts = [f"{each.field_name} {type_name(each.field_type)}" for each in found.struct_type.field]
        return f"STRUCT<{', '.join(parts)}>"
    if found.type_kind not in TYPE_NAMES:
        raise RefusedError(f"BigQuery has no type {zt.TypeKind(found.type_kind).name}")
    return TYPE_NAMES[found.type_kind]


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
    _service()  # started here to use the compiled cache; the next line would start it without
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
    """Store the compiled analyzer in the user's cache folder, so a machine compiles it once."""

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
