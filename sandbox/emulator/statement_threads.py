"""Run bqemulator's statements in threads, so that other requests are answered meanwhile.

bqemulator does everything in one thread: while DuckDB creates a table, no other statement is translated and
no request is answered. Here the engine runs statements in other threads, each with its own connection. Two
queries or CREATE TABLE statements run at the same time, each on the data from its start. Only one statement
that changes rows runs at a time: two merges could both insert the same row. A script shares variables and a
transaction, so it runs in the main thread and counts as a statement that changes rows.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from bqemulator.jobs import executor
from bqemulator.jobs.error_mapper import translate_runtime_error
from bqemulator.storage.engine import DuckDBEngine
from duckdb import TransactionException

# engine: speed
PARALLEL_STATEMENTS = 2
CONFLICTS = 10  # each one means that the other statement has succeeded

_prepare_and_fetch = executor._run_single_sql
_script = executor._run_script


class _RecordingEngine:
    """Wrap an engine: `fetch_arrow` returns the statement instead of running it."""

    def __init__(self, engine: DuckDBEngine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def fetch_arrow(self, *statement: Any) -> tuple[Any, ...]:
        return statement


@dataclass(frozen=True)
class _ConnectionPool:
    """Idle connections to one engine, and the locks for running statements and for changing rows."""

    idle: list[DuckDBEngine]
    run: asyncio.Semaphore
    change: asyncio.Lock

    @contextmanager
    def engine(self) -> Iterator[DuckDBEngine]:
        engine = self.idle.pop()
        try:
            yield engine
        finally:
            self.idle.append(engine)


@lru_cache(maxsize=1)
def _pool(engine: DuckDBEngine) -> _ConnectionPool:
    return _ConnectionPool(
        [_connect(engine) for _ in range(PARALLEL_STATEMENTS)],
        asyncio.Semaphore(PARALLEL_STATEMENTS),
        asyncio.Lock(),
    )


def _connect(engine: DuckDBEngine) -> DuckDBEngine:
    """Return the same engine with another connection."""
    another = copy(engine)
    another._connection = engine.connection.cursor()
    another._apply_session_pragmas()
    return another


async def _run_single_sql(project: str, sql: str, parameters: Any, context: Any, *, caller: Any) -> Any:
    """Translate the statement in this thread and run it in another."""
    recording = replace(context, engine=_RecordingEngine(context.engine))
    prepared: Any = await _prepare_and_fetch(project, sql, parameters, recording, caller=caller)
    changes = executor.classify_statement_type(sql) in executor._COUNT_TRIMMED_STATEMENTS
    pool = _pool(context.engine)
    try:
        for _ in range(CONFLICTS):
            with suppress(TransactionException):  # a conflict with another statement; nothing was done
                return await _fetch(pool, prepared, alone=changes)
        return await _fetch(pool, prepared, alone=True)
    except Exception as error:
        raise translate_runtime_error(error, duckdb_sql=prepared[0]) from error


async def _fetch(pool: _ConnectionPool, prepared: tuple[Any, ...], *, alone: bool) -> Any:
    async with AsyncExitStack() as stack:
        if alone:
            await stack.enter_async_context(pool.change)
        await stack.enter_async_context(pool.run)
        engine = stack.enter_context(pool.engine())
        return await asyncio.to_thread(engine.fetch_arrow, *prepared)


async def _run_script(interpreter: Any, source: str, context: Any) -> Any:
    async with _pool(context.engine).change:
        return await _script(interpreter, source, context)


def run_statements_in_threads() -> None:
    """Patch the emulator in this process, see the module docstring."""
    executor._run_single_sql = _run_single_sql  # type: ignore[assignment]
    executor._run_script = _run_script  # type: ignore[assignment]
