"""What the simulator remembers in the database besides the business itself: one row of `simulator.state`.

It is written in the transaction of the day it describes, so it is never ahead of the data or behind them.
"""

import json
from dataclasses import dataclass
from datetime import date

import psycopg

from metadata.spec import Catalog
from sandbox.simulator.errors import SimulationError
from sandbox.simulator.parameters import Parameters

RULES = 1
"""Raised when the same parameters no longer give the same rows."""

_LOCK = 0x5757_4931  # any number, as long as it is always this one

_DDL = """
create schema if not exists simulator;
create table if not exists simulator.state (
    is_only boolean primary key default true check (is_only),
    rules integer not null,
    parameters jsonb not null,
    first_day date not null,
    next_day date not null,
    next_ids jsonb not null
)
"""


@dataclass(frozen=True)
class State:
    """How far a simulation has come: the day it started, the day that comes next, the next id per counter."""

    rules: int
    parameters: dict[str, float]
    first_day: date
    next_day: date
    next_ids: dict[str, int]


def lock(connection: psycopg.Connection) -> None:
    """Keep other simulations out of this database until the connection ends."""
    row = connection.execute("select pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
    if row != (True,):
        raise SimulationError(
            "another simulation is running in this database. Wait until it has ended, then start again."
        )


def prepare_state(connection: psycopg.Connection, catalog: Catalog) -> State | None:
    """Make the state table if it is missing and return its row, None when no simulation was started here.

    Raises SimulationError when the database holds business data that the simulator has not written.
    """
    connection.execute(_DDL)
    row = connection.execute(
        "select rules, parameters, first_day, next_day, next_ids from simulator.state"
    ).fetchone()
    if row:
        return State(*row)
    for table in catalog.tables:
        if connection.execute(f"select from {table.qualified} limit 1".encode()).fetchone() is not None:
            raise SimulationError(
                f"{table.qualified} holds rows that the simulator has not written. Simulate into a database "
                "of its own: `wwi source reset` empties the local one, or name another."
            )
    return None


def check(state: State, parameters: Parameters, start: date) -> None:
    """Raise SimulationError unless `start` and `parameters` continue what `state` describes."""
    if state.rules != RULES:
        raise SimulationError(
            f"the database was simulated by rules {state.rules}, and this version has rules {RULES}: it "
            "would not continue the same business. Start again in an empty database (`wwi source reset`)."
        )
    wanted = parameters.as_json()
    if different := [name for name, value in state.parameters.items() if wanted.get(name) != value]:
        had = ", ".join(f"{name} {state.parameters[name]}" for name in different)
        raise SimulationError(
            f"the database was simulated with {had}. Continue with the same, or start again in an empty "
            "database (`wwi source reset`)."
        )
    if start != state.next_day:
        raise SimulationError(
            f"cannot simulate from {start}: the database holds {state.first_day} up to the eve of "
            f"{state.next_day}. Continue from {state.next_day}, or start again in an empty database "
            "(`wwi source reset`)."
        )


def save(connection: psycopg.Connection, state: State) -> None:
    """Write the state, as part of the transaction that is open."""
    connection.execute(
        """
        insert into simulator.state (rules, parameters, first_day, next_day, next_ids)
        values (%s, %s::jsonb, %s, %s, %s::jsonb)
        on conflict (is_only) do update set next_day = excluded.next_day, next_ids = excluded.next_ids
        """,
        [
            state.rules,
            json.dumps(state.parameters),
            state.first_day,
            state.next_day,
            json.dumps(state.next_ids),
        ],
    )
