"""Make bqemulator faster. Nothing here changes an answer.

`make bench PARTS=emulator` loads a business with all patches and then without each of them. A patch stays
only if a load takes at least 5 % longer without it.
"""

import gc
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import sqlglot
from bqemulator.api import middleware
from bqemulator.catalog import ddl_sync
from bqemulator.jobs import ddl_result, routine_ddl
from bqemulator.sql import catalog_schema
from bqemulator.versioning.snapshots import SnapshotManager
from sqlglot.dialects import Dialect
from sqlglot.expressions import core

from sandbox.emulator.statement_threads import run_statements_in_threads

# engine: speed
CACHED_TREES = 64
GC_THRESHOLDS = (20_000, 20, 50)  # 700, 10 and 10 by default
MIDDLEWARE = (
    middleware.MetricsMiddleware,
    middleware.AccessLogMiddleware,
    middleware.CorrelationIdMiddleware,
)
# they parse a statement only to read it
READERS = (ddl_sync, ddl_result, routine_ddl, catalog_schema)

_parse_one = sqlglot.parse_one
_capture = SnapshotManager.capture
_deepcopy = core.deepcopy  # type: ignore[attr-defined]


def apply_speed_patches(*, without: str | None = None) -> None:
    """Patch the emulator in this process. `without`: the name of a patch to leave out."""
    for name, patch in PATCHES.items():
        if name != without:
            patch()


def cache_parsed_statements() -> None:
    """Parse a statement once: each of about twelve steps parses it again."""
    tree = lru_cache(CACHED_TREES)(_parse_one)

    def parse_one(sql: str, read: Any = None, **options: Any) -> Any:
        return _parse_one(sql, read=read, **options) if options else tree(sql, read=read).copy()

    sqlglot.parse_one = parse_one  # type: ignore[assignment]
    for module in READERS:
        module.sqlglot = SimpleNamespace(**{**vars(sqlglot), "parse_one": tree})  # type: ignore[attr-defined]


def cache_generators() -> None:
    """Create the generator of a dialect once: it parses sixteen constant fragments."""
    Dialect.generator = lru_cache(CACHED_TREES)(Dialect.generator)


def copy_metadata_shallowly() -> None:
    """Copy the metadata of a node, a flat dictionary, without `deepcopy`."""
    core.deepcopy = _copy_value  # type: ignore[assignment, attr-defined]


def _copy_value(value: Any) -> Any:
    if type(value) is dict:
        return dict(value)
    return [] if value == [] else _deepcopy(value)


def copy_no_tables() -> None:
    """Do not copy a table after every change of it: the copies are for time travel, which nobody uses here.

    They would also conflict with statements in other threads. CREATE SNAPSHOT TABLE still works.
    """
    SnapshotManager.capture = _capture_if_asked  # type: ignore[assignment, method-assign]


def _capture_if_asked(self: SnapshotManager, *table: str, kind: str = "AUTO") -> Any:
    return None if kind == "AUTO" else _capture(self, *table, kind=kind)


def skip_middleware() -> None:
    """Do not number, count and log requests."""
    for layer in MIDDLEWARE:
        layer.__call__ = _pass_on


async def _pass_on(self: Any, scope: Any, receive: Any, send: Any) -> None:
    await self.app(scope, receive, send)


def collect_garbage_less_often() -> None:
    """Let more objects accumulate before Python looks for cycles."""
    gc.set_threshold(*GC_THRESHOLDS)


PATCHES: Mapping[str, Callable[[], None]] = {
    "cached statements": cache_parsed_statements,
    "cached generators": cache_generators,
    "shallow copies": copy_metadata_shallowly,
    "no table copies": copy_no_tables,
    "no middleware": skip_middleware,
    "less garbage collection": collect_garbage_less_often,
    "threads": run_statements_in_threads,
}
