"""Have bqemulator's engine run a statement in a thread of its own, while the rest goes on.

bqemulator answers everything in one thread, and the engine's work is part of it: while DuckDB makes a table,
which leaves the thread idle, no other statement is translated and no request answered. Here the engine works
in a second thread, on a connection of its own, for one statement after the other as before. A script still
runs in the first: its statements share variables and a transaction.
"""

import asyncio
from copy import copy
from dataclasses import replace
from functools import lru_cache
from typing import Any

from bqemulator.jobs import executor
from bqemulator.jobs.error_mapper import translate_runtime_error
from bqemulator.storage.engine import DuckDBEngine

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


@lru_cache(maxsize=1)
def _beside(engine: DuckDBEngine) -> tuple[DuckDBEngine, asyncio.Lock]:
    """Return the same engine by a second connection, and what one must hold to have it work."""
    second = copy(engine)
    second._connection = engine.connection.cursor()
    second._apply_session_pragmas()
    return second, asyncio.Lock()


async def _run_single_sql(*statement: Any, caller: Any) -> Any:
    """Translate in this thread, and run in the other."""
    *text, context = statement
    prepared: Any = await _prepare_and_fetch(
        *text, replace(context, engine=_Noting(context.engine)), caller=caller
    )
    engine, turn = _beside(context.engine)
    async with turn:
        try:
            return await asyncio.to_thread(engine.fetch_arrow, *prepared)
        except Exception as error:
            raise translate_runtime_error(error, duckdb_sql=prepared[0]) from error


async def _run_script(interpreter: Any, source: str, context: Any) -> Any:
    """Run a script while no statement runs, as it could write what the statement does."""
    _, turn = _beside(context.engine)
    async with turn:
        return await _script(interpreter, source, context)


def run_statements_beside() -> None:
    """Have the emulator in this process run its statements so."""
    executor._run_single_sql = _run_single_sql
    executor._run_script = _run_script
