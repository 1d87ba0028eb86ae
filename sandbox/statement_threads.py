"""Have bqemulator's engine run statements in threads of their own, while the rest goes on.

bqemulator answers everything in one thread, and the engine's work is part of it: while DuckDB makes a table,
no other statement is translated and no request answered. Here the engine works in threads beside it, each on
a connection of its own. Two queries, or two tables that are made, go on at once: DuckDB shows each the data
as they were when it began. What changes rows goes on alone among its kind, for two merges that each miss the
same row would both bring it. A script, whose statements share variables and a transaction, runs in the first
thread as before, and counts as one of those.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from bqemulator.jobs import executor
from bqemulator.jobs.error_mapper import translate_runtime_error
from bqemulator.storage.engine import DuckDBEngine
from duckdb import TransactionException

# engine: speed
AT_ONCE = 2

_prepare_and_fetch = executor._run_single_sql
_script = executor._run_script


class _Noting:
    """An engine that gives back what it is told to fetch, and for all else is the engine itself."""

    def __init__(self, engine: DuckDBEngine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def fetch_arrow(self, *statement: Any) -> tuple[Any, ...]:
        return statement


@dataclass(frozen=True)
class _Beside:
    """Connections to one engine, those that are idle, and what one must hold to run or to change rows."""

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
def _beside(engine: DuckDBEngine) -> _Beside:
    return _Beside([_connected(engine) for _ in range(AT_ONCE)], asyncio.Semaphore(AT_ONCE), asyncio.Lock())


def _connected(engine: DuckDBEngine) -> DuckDBEngine:
    """Return the same engine by another connection."""
    another = copy(engine)
    another._connection = engine.connection.cursor()
    another._apply_session_pragmas()
    return another


async def _run_single_sql(project: str, sql: str, parameters: Any, context: Any, *, caller: Any) -> Any:
    """Translate in this thread, and run in another."""
    noting = replace(context, engine=_Noting(context.engine))
    prepared: Any = await _prepare_and_fetch(project, sql, parameters, noting, caller=caller)
    changes = executor.classify_statement_type(sql) in executor._COUNT_TRIMMED_STATEMENTS
    beside = _beside(context.engine)
    try:
        try:
            return await _fetched(beside, prepared, alone=changes)
        except TransactionException:  # another made the same thing at the same time, and nothing is done
            return await _fetched(beside, prepared, alone=True)
    except Exception as error:
        raise translate_runtime_error(error, duckdb_sql=prepared[0]) from error


async def _fetched(beside: _Beside, prepared: tuple[Any, ...], *, alone: bool) -> Any:
    async with AsyncExitStack() as held:
        if alone:
            await held.enter_async_context(beside.change)
        await held.enter_async_context(beside.run)
        engine = held.enter_context(beside.engine())
        return await asyncio.to_thread(engine.fetch_arrow, *prepared)


async def _run_script(interpreter: Any, source: str, context: Any) -> Any:
    async with _beside(context.engine).change:
        return await _script(interpreter, source, context)


def run_statements_beside() -> None:
    """Have the emulator in this process run its statements so."""
    executor._run_single_sql = _run_single_sql  # type: ignore[assignment]
    executor._run_script = _run_script  # type: ignore[assignment]
