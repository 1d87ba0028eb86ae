"""Run bqemulator with patches that make it faster and correct: `python -m sandbox.emulator start ...`.

Table copies: for time travel the emulator copies a whole table after every load job and DML statement. This
project does not use time travel, so the copies are skipped. CREATE SNAPSHOT TABLE still works.

Finished queries: the emulator writes every job to its file (4 ms each). Only load jobs are needed after a
restart, to resume a batch, so only they are written.

Parsing: each of about twelve rewriting steps parses the statement again. Parsed trees are cached. A step that
only reads gets the cached tree, other steps get a copy; the last writer of a copy does not copy it again. The
metadata of a node are a flat dictionary and are copied shallowly.

Generating SQL: SQLGlot's generator parses sixteen constant fragments (7 ms) per instance. They are cached.

Translating: the result depends only on the text, the columns of its tables and the caller, and builds repeat
most statements. Translations are cached.

Columns of a dataset: `sandbox.information_schema` returns them in a tenth of the time.

Requests: three middleware layers number, count and log each request. They are skipped.

Garbage collection: runs less often.

Waiting: statements run in `sandbox.statement_threads`, so that other requests are answered meanwhile.

Corrections: a load job reports the rows of its files instead of the rows of its table, names that are
keywords of DuckDB only are quoted, and `sandbox.exact_numerics` calculates with NUMERIC as BigQuery does.
"""

import gc
import json
import os
import sys
from functools import lru_cache
from threading import local
from typing import Any

import duckdb
import pyarrow.parquet as pq
import sqlglot
from bqemulator.api import middleware
from bqemulator.api.routes import jobs, upload
from bqemulator.catalog.duckdb_repository import DuckDBCatalogRepository
from bqemulator.cli import main
from bqemulator.domain.errors import ValidationError
from bqemulator.jobs import executor
from bqemulator.sql import table_rewriter
from bqemulator.sql.rewriter import information_schema
from bqemulator.sql.translator import SQLTranslator
from bqemulator.versioning.snapshots import SnapshotManager
from sqlglot import exp
from sqlglot.dialects import Dialect
from sqlglot.expressions import core
from sqlglot.generators.duckdb import DuckDBGenerator

from config.private_files import UMASK
from sandbox.exact_expressions import MAX_DIGITS
from sandbox.exact_macros import BIGNUMERIC_SCALE
from sandbox.exact_numerics import apply_numeric_patches
from sandbox.information_schema import columns_as_json
from sandbox.load_paths import plain_paths
from sandbox.statement_threads import run_statements_in_threads

# engine: speed
TREE_CACHE_SIZE = 64
TRANSLATION_CACHE_SIZE = 2048  # a build has about 600 statements of some kilobytes each
GC_THRESHOLDS = (20_000, 20, 50)  # of the garbage collector; 700, 10 and 10 by default

# Steps that do not change the tree.
READ_ONLY_STEPS = frozenset(
    {
        "bqemulator.catalog.ddl_sync",
        "bqemulator.jobs.ddl_result",
        "bqemulator.jobs.executor",
        "bqemulator.jobs.routine_ddl",
        "bqemulator.sql.catalog_schema",
    }
)
# Steps that change only trees with such a node.
CHANGED_NODES = {
    "bqemulator.sql.rewriter.create_table_schema_ctas": exp.Schema,
    "bqemulator.sql.rewriter.division_by_zero": exp.Div,
}
# Steps that generate SQL from their own copy and then drop it.
LAST_WRITERS = frozenset(
    {
        "bqemulator.sql.rewriter.row_access_filter",
        "bqemulator.sql.table_rewriter",
        "bqemulator.sql.translator",
    }
)
# Most nodes are of these types, and no rule of the emulator applies to them.
NODES_WITHOUT_RULES = (exp.Identifier, exp.Column, exp.Literal, exp.Alias, exp.Table, exp.TableAlias)

MIDDLEWARE = (
    middleware.MetricsMiddleware,
    middleware.AccessLogMiddleware,
    middleware.CorrelationIdMiddleware,
)

_capture = SnapshotManager.capture
_write_job = DuckDBCatalogRepository._write_job
_deepcopy = core.deepcopy  # type: ignore[attr-defined]
_parse_one = sqlglot.parse_one
_tree = lru_cache(maxsize=TREE_CACHE_SIZE)(_parse_one)
_fragment = lru_cache(maxsize=TREE_CACHE_SIZE)(_parse_one)
_writer = Dialect.generator
_write = Dialect.generate
_apply_rule = SQLTranslator._apply_first_matching_rule
_translate = SQLTranslator.translate
_execute_load = executor.execute_load_job
_thread_state = local()


def _capture_only_snapshots(self: SnapshotManager, *table: str, kind: str = "AUTO") -> Any:
    """Copy the table only for CREATE SNAPSHOT TABLE."""
    return None if kind == "AUTO" else _capture(self, *table, kind=kind)


def _write_data_job(self: DuckDBCatalogRepository, job: Any) -> None:
    """Write load and other data jobs to the file, but not queries."""
    if job.job_type != "QUERY":
        _write_job(self, job)


def _parse_cached(sql: str, read: Any = None, **options: Any) -> Any:
    """Return the parsed statement: the cached tree for steps that only read, else a copy."""
    if getattr(_thread_state, "writer", False) and read is None and not any(options.values()):
        return _fragment(sql)
    if options or not isinstance(read, str):
        return _parse_one(sql, read=read, **options)
    tree, step = _tree(sql, read=read), sys._getframe(1).f_globals["__name__"]
    is_unchanged = step in READ_ONLY_STEPS or (
        step in CHANGED_NODES and tree.find(CHANGED_NODES[step]) is None
    )
    return tree if is_unchanged else tree.copy()


def _copy_value(value: Any) -> Any:
    """Copy a node, or its metadata or comments, which are usually empty."""
    if type(value) is dict:
        return dict(value)
    return [] if value == [] else _deepcopy(value)


def _transpile_cached(sql: str, read: str, write: str, pretty: bool) -> list[str]:
    """Return the statement in another dialect, from the cached tree."""
    tree = _tree(sql, read=read).copy()
    return [_write(Dialect.get_or_raise(write), tree, copy=False, pretty=pretty)]


def _writer_with_cached_fragments(self: Dialect, **options: Any) -> Any:
    """Create a generator with cached fragments; it copies them before it fills them in."""
    _thread_state.writer = True
    try:
        return _writer(self, **options)
    finally:
        _thread_state.writer = False


def _write_without_copy(self: Dialect, expression: Any, copy: bool = True, **options: Any) -> Any:
    is_own = sys._getframe(1).f_globals["__name__"] in LAST_WRITERS
    return _write(self, expression, copy=copy and not is_own, **options)


def _apply_rule_if_any(self: SQLTranslator, node: Any, tree: Any) -> bool:
    return False if type(node) in NODES_WITHOUT_RULES else _apply_rule(self, node, tree)


@lru_cache(maxsize=TRANSLATION_CACHE_SIZE)
def _cached_translation(translator: SQLTranslator, sql: str, schema: str, caller: Any) -> Any:
    return _translate(translator, sql, schema=json.loads(schema), caller=caller)


def _translate_cached(self: SQLTranslator, bq_sql: str, *, schema: Any = None, caller: Any = None) -> Any:
    return _cached_translation(self, bq_sql, json.dumps(schema), caller)


async def _skip_middleware(self: Any, scope: Any, receive: Any, send: Any) -> None:
    await self.app(scope, receive, send)


def _refuse_wide_decimals(path: str) -> None:
    """Raise ValidationError for a Parquet file whose decimals DuckDB would round."""
    for field in pq.read_schema(path):
        scale, precision = getattr(field.type, "scale", 0), getattr(field.type, "precision", 0)
        if scale > BIGNUMERIC_SCALE - 1 or precision > MAX_DIGITS:
            raise ValidationError(
                f"column {field.name} of the Parquet file is decimal({precision}, {scale}). The local "
                f"warehouse can hold {MAX_DIGITS} digits, {BIGNUMERIC_SCALE - 1} of them after the decimal "
                "point. Load the column as text."
            )


async def _load_and_count_rows(project_id: str, job_id: str, config: dict[str, Any], ctx: Any) -> Any:
    """Run a load job; check the decimals of Parquet files and report their row counts."""
    load = config["load"]
    is_parquet = load.get("sourceFormat") == "PARQUET"
    with plain_paths([executor._resolve_uri(uri, ctx) for uri in load["sourceUris"]]) as paths:
        for path in paths if is_parquet else ():
            _refuse_wide_decimals(path)
        own = {**config, "load": {**load, "sourceUris": paths}}
        job = await _execute_load(project_id, job_id, own, ctx)
        result: dict[str, Any] = {"configuration": config}
        if is_parquet:
            rows = sum(pq.read_metadata(path).num_rows for path in paths)
            result["statistics"] = {"load": {"outputRows": str(rows)}}
    return job.model_copy(update=result)


def _quote_keywords() -> None:
    """Quote names that DuckDB reserves, such as `at` and `asof`: SQLGlot's own list is that of Postgres."""
    reserved = "select keyword_name from duckdb_keywords() where keyword_category <> 'unreserved'"
    names = {name for (name,) in duckdb.sql(reserved).fetchall()}
    DuckDBGenerator.RESERVED_KEYWORDS = DuckDBGenerator.RESERVED_KEYWORDS | names


def apply_patches() -> None:
    """Patch the emulator in this process, see the module docstring."""
    SnapshotManager.capture = _capture_only_snapshots  # type: ignore[assignment, method-assign]
    DuckDBCatalogRepository._write_job = _write_data_job  # type: ignore[method-assign]
    core.deepcopy = _copy_value  # type: ignore[attr-defined, assignment]
    sqlglot.parse_one = _parse_cached  # type: ignore[assignment]
    sqlglot.transpile = _transpile_cached  # type: ignore[assignment]
    Dialect.generator = _writer_with_cached_fragments
    Dialect.generate = _write_without_copy
    SQLTranslator._apply_first_matching_rule = _apply_rule_if_any  # type: ignore[method-assign]
    SQLTranslator.translate = _translate_cached  # type: ignore[assignment, method-assign]
    cached = lru_cache(maxsize=TRANSLATION_CACHE_SIZE)(table_rewriter.rewrite_table_refs)
    executor.rewrite_table_refs = cached  # type: ignore[attr-defined]
    information_schema._columns_as_values = columns_as_json
    for layer in MIDDLEWARE:
        layer.__call__ = _skip_middleware
    run_statements_in_threads()
    gc.set_threshold(*GC_THRESHOLDS)
    jobs.execute_load_job = upload.execute_load_job = _load_and_count_rows  # type: ignore[attr-defined]


if __name__ == "__main__":
    os.umask(UMASK)
    apply_patches()
    _quote_keywords()
    apply_numeric_patches()
    main()
