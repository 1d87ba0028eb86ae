"""Simulates Wide World Importers: writes its business, day by day, straight into Postgres.

    parameters   seed, scale, and the rates of what the original never does
    streams      random numbers by seed, day and step
    columns      table columns as numpy arrays, and their way to Postgres and back
    sheet        the live rows of one table
    world        all live rows and counters: the state of the business
    seeding/     what is there before the first day
    steps/       what happens on a day
    day          the steps in order
    reading      database -> world
    writing      world -> database, in bulk
    state        the row that says how far the simulation has come
    run          `simulate`

The rules are those of the reference's business_rules.md with its corrections 1 to 6, 8 and 9: receipts
raise only what was received, lead times and payment terms count, failed deliveries are repeated, deals charge
the remainder.
"""

from sandbox.simulator.day import MASTER_DATA_EVENTS
from sandbox.simulator.errors import SimulationError
from sandbox.simulator.parameters import Extensions, Parameters
from sandbox.simulator.run import DayReport, SimulationReport, simulate

__all__ = [
    "MASTER_DATA_EVENTS",
    "DayReport",
    "Extensions",
    "Parameters",
    "SimulationError",
    "SimulationReport",
    "simulate",
]
