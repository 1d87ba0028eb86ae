"""Run bqemulator without costs that no setting of it reaches: `python -m sandbox.emulator start ...`.

Table copies. For time travel the emulator copies a whole table after every load job and every DML statement
on it: a daily load of a hundred tables would cost their history, not its batch. Nothing here travels in
time, for the vault keeps the history itself. CREATE SNAPSHOT TABLE still works.

Finished queries. The emulator writes every job to its file, 4 ms each, to know it again after a restart. Of
queries nobody asks then; of load jobs a resumed batch does, and they are written.

Parsing. Each of its rewriting steps parses the statement again, a dozen times in all, and that is most of
what a small statement costs. The trees of the last texts are kept here: a step that only looks, or finds
nothing to change, gets the tree, every other step a copy of its own. What a step writes of its own copy, as
the last thing it does, is not copied once more. And what a node tells of itself, where it stood in the text,
is a flat dictionary, which the general deep copy takes apart at twice the price of the node.

Types. The emulator works out the type of every column of a statement for two rules, about averages and
quotients of decimals. A statement with neither is spared it.

Writing SQL. SQLGlot's compiled writer parses sixteen constant fragments, 7 ms, each time one is made. They
are kept, too.

Translating. It depends on nothing but the text, the columns of its tables and the caller, and a build says
most of what the build before it said: the last translations are kept.

Columns of a dataset. `sandbox.information_schema` tells them in a tenth of the time.

Requests. Each is handed through three layers, with a task of its own in each, that number, count and log it.
Nobody reads that here.

Garbage. Nodes of a tree point at each other, so only the collector frees them. It looks less often.

Waiting. Nothing else is translated or answered while the engine works on a statement: it works in
`sandbox.statement_threads` instead.

And it corrects answers: the rows of a load job are those of its files, not those its table then has, and
`sandbox.exact_numerics` calculates with NUMERIC as BigQuery does.
"""

import gc
import json
import os
import sys
from functools import lru_cache
from threading import local
from typing import Any

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

from config.private_files import UMASK
from sandbox.exact_expressions import MOST_DIGITS
from sandbox.exact_macros import BIGNUMERIC_SCALE
from sandbox.exact_numerics import calculate_exactly
from sandbox.information_schema import columns_as_json
from sandbox.load_paths import plain_paths
from sandbox.statement_threads import run_statements_beside

# engine: speed
TREES = 64
TRANSLATIONS = 2048  # a build has about 600 statements of some kilobytes each
SELDOM = (20_000, 20, 50)  # thresholds of the garbage collector, 700, 10 and 10 by default

# They look for something in the tree and leave it as it is.
ONLY_LOOK = frozenset(
    {
        "bqemulator.catalog.ddl_sync",
        "bqemulator.jobs.ddl_result",
        "bqemulator.jobs.executor",
        "bqemulator.jobs.routine_ddl",
        "bqemulator.sql.catalog_schema",
    }
)
# They change nothing in a tree without such a node.
CHANGES = {
    "bqemulator.sql.rewriter.create_table_schema_ctas": exp.Schema,
    "bqemulator.sql.rewriter.division_by_zero": exp.Div,
}
# They write their own tree and drop it.
WRITE_AT_LAST = frozenset(
    {
        "bqemulator.sql.rewriter.row_access_filter",
        "bqemulator.sql.table_rewriter",
        "bqemulator.sql.translator",
    }
)
# None of the emulator's hundred rules is about these, and most nodes of a tree are one of them.
WITHOUT_RULES = (exp.Identifier, exp.Column, exp.Literal, exp.Alias, exp.Table, exp.TableAlias)

# The nodes for which the emulator asks the types of columns.
TYPED = (exp.Avg, exp.Div)
LAYERS = (middleware.MetricsMiddleware, middleware.AccessLogMiddleware, middleware.CorrelationIdMiddleware)

_capture = SnapshotManager.capture
_write_job = DuckDBCatalogRepository._write_job
_deepcopy = core.deepcopy  # type: ignore[attr-defined]
_parse_one = sqlglot.parse_one
_tree = lru_cache(maxsize=TREES)(_parse_one)
_fragment = lru_cache(maxsize=TREES)(_parse_one)
_writer = Dialect.generator
_write = Dialect.generate
_annotate = SQLTranslator._annotate_tree
_apply_rule = SQLTranslator._apply_first_matching_rule
_translate = SQLTranslator.translate
_execute_load = executor.execute_load_job
_making = local()


def _capture_when_asked(self: SnapshotManager, *table: str, kind: str = "AUTO") -> Any:
    """Copy the table only for a statement that names a snapshot."""
    return None if kind == "AUTO" else _capture(self, *table, kind=kind)


def _write_job_of_data(self: DuckDBCatalogRepository, job: Any) -> None:
    """Write a job that brings or takes data; of a query only this process knows."""
    if job.job_type != "QUERY":
        _write_job(self, job)


def _parse_once(sql: str, read: Any = None, **options: Any) -> Any:
    """Return a tree of the statement: the caller's own, or the one that all see who only look."""
    if getattr(_making, "writer", False) and read is None and not any(options.values()):
        return _fragment(sql)
    if options or not isinstance(read, str):
        return _parse_one(sql, read=read, **options)
    tree, step = _tree(sql, read=read), sys._getframe(1).f_globals["__name__"]
    is_left = step in ONLY_LOOK or (step in CHANGES and tree.find(CHANGES[step]) is None)
    return tree if is_left else tree.copy()


def _copy(value: Any) -> Any:
    """Copy a node, or what is told of one: its place, its comments, mostly none."""
    if type(value) is dict:
        return dict(value)
    return [] if value == [] else _deepcopy(value)


def _transpile(sql: str, read: str, write: str, pretty: bool) -> list[str]:
    """Return the statement in another dialect, from the tree that is kept of it."""
    tree = _tree(sql, read=read).copy()
    return [_write(Dialect.get_or_raise(write), tree, copy=False, pretty=pretty)]


def _writer_of_kept_fragments(self: Dialect, **options: Any) -> Any:
    """Make a writer; its fragments are the same for all, it copies them before it fills them in."""
    _making.writer = True
    try:
        return _writer(self, **options)
    finally:
        _making.writer = False


def _write_own(self: Dialect, expression: Any, copy: bool = True, **options: Any) -> Any:
    is_own = sys._getframe(1).f_globals["__name__"] in WRITE_AT_LAST
    return _write(self, expression, copy=copy and not is_own, **options)


def _annotate_where_asked(tree: Any, schema: dict[str, Any]) -> Any:
    return _annotate(tree, schema) if tree.find(*TYPED) else tree


def _apply_rule_where_one_may_be(self: SQLTranslator, node: Any, tree: Any) -> bool:
    return False if type(node) in WITHOUT_RULES else _apply_rule(self, node, tree)


@lru_cache(maxsize=TRANSLATIONS)
def _translated(translator: SQLTranslator, sql: str, schema: str, caller: Any) -> Any:
    return _translate(translator, sql, schema=json.loads(schema), caller=caller)


def _translate_once(self: SQLTranslator, bq_sql: str, *, schema: Any = None, caller: Any = None) -> Any:
    return _translated(self, bq_sql, json.dumps(schema), caller)


async def _pass_on(self: Any, scope: Any, receive: Any, send: Any) -> None:
    await self.app(scope, receive, send)


def _refuse_wide_decimals(path: str) -> None:
    """Raise ValidationError for a Parquet file whose decimals DuckDB would round."""
    for field in pq.read_schema(path):
        scale, precision = getattr(field.type, "scale", 0), getattr(field.type, "precision", 0)
        if scale > BIGNUMERIC_SCALE - 1 or precision > MOST_DIGITS:
            raise ValidationError(
                f"column {field.name} of the Parquet file is decimal({precision}, {scale}). The local "
                f"warehouse holds {MOST_DIGITS} digits, {BIGNUMERIC_SCALE - 1} of them after the point. "
                "Load it as text."
            )


async def _load_and_count(project_id: str, job_id: str, config: dict[str, Any], ctx: Any) -> Any:
    """Execute a load job; for Parquet files, check their decimals and count their rows."""
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


def spare() -> None:
    """Have the emulator in this process do without these costs, and count what a load job loads."""
    SnapshotManager.capture = _capture_when_asked  # type: ignore[assignment, method-assign]
    DuckDBCatalogRepository._write_job = _write_job_of_data  # type: ignore[method-assign]
    core.deepcopy = _copy  # type: ignore[attr-defined, assignment]
    sqlglot.parse_one = _parse_once  # type: ignore[assignment]
    sqlglot.transpile = _transpile  # type: ignore[assignment]
    Dialect.generator = _writer_of_kept_fragments
    Dialect.generate = _write_own
    SQLTranslator._annotate_tree = staticmethod(_annotate_where_asked)  # type: ignore[method-assign]
    SQLTranslator._apply_first_matching_rule = _apply_rule_where_one_may_be  # type: ignore[method-assign]
    SQLTranslator.translate = _translate_once  # type: ignore[assignment, method-assign]
    kept = lru_cache(maxsize=TRANSLATIONS)(table_rewriter.rewrite_table_refs)
    executor.rewrite_table_refs = kept  # type: ignore[attr-defined]
    information_schema._columns_as_values = columns_as_json
    for layer in LAYERS:
        layer.__call__ = _pass_on
    run_statements_beside()
    gc.set_threshold(*SELDOM)
    jobs.execute_load_job = upload.execute_load_job = _load_and_count  # type: ignore[attr-defined]


if __name__ == "__main__":
    os.umask(UMASK)
    spare()
    calculate_exactly()
    main()
