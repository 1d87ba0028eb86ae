"""The progress of the simulation: one row of `simulator.state` in the source database.

It is written in the transaction of its day, so it always matches the data.
"""

import json
from dataclasses import dataclass
from datetime import date

import psycopg

from metadata.spec import Catalog
from sandbox.simulator.errors import SimulationError
from sandbox.simulator.parameters import Parameters

RULES = 1
"""Increased when the same parameters no longer give the same rows."""

_LOCK = 0x5757_4931  # an arbitrary constant

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
    """The progress of a simulation: its first day, the next day, the next id of each counter."""

    rules: int
    parameters: dict[str, float]
    first_day: date
    next_day: date
    next_ids: dict[str, int]


def lock(connection: psycopg.Connection) -> None:
    """Lock this database against other simulations until the connection ends."""
    row = connection.execute("select pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
    if row != (True,):
        raise SimulationError(
            "another simulation is running in this database. Wait until it has ended, then start again."
        )


def prepare_state(connection: psycopg.Connection, catalog: Catalog) -> State | None:
    """Create the state table if it is missing and return its row; None for a new simulation.

    Raises SimulationError when the database contains business data that the simulator did not write.
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
                f"{table.qualified} contains rows that the simulator did not write. Simulate into an empty "
                "database: `wwi source reset` empties the local one, or use another one."
            )
    return None


def check(state: State, parameters: Parameters, start: date) -> None:
    """Raise SimulationError unless `start` and `parameters` continue what `state` describes."""
    if state.rules != RULES:
        raise SimulationError(
            f"the database was simulated with rules {state.rules}, and this version has rules {RULES}, which "
            "give other data. Start again in an empty database (`wwi source reset`)."
        )
    wanted = parameters.as_json()
    if different := [name for name, value in state.parameters.items() if wanted.get(name) != value]:
        had = ", ".join(f"{name} {state.parameters[name]}" for name in different)
        raise SimulationError(
            f"the database was simulated with {had}. Use the same values, or start again in an empty "
            "database (`wwi source reset`)."
        )
    if start != state.next_day:
        raise SimulationError(
            f"cannot simulate from {start}: the database contains {state.first_day} to the day before "
            f"{state.next_day}. Continue from {state.next_day}, or start again in an empty database "
            "(`wwi source reset`)."
        )


def save(connection: psycopg.Connection, state: State) -> None:
    """Write the state in the open transaction."""
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
