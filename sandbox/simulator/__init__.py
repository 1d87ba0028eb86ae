"""Simulate Wide World Importers: write its business, day by day, into Postgres.

    parameters   seed, scale, and the rates of additional events
    streams      random numbers by seed, day and step
    columns      table columns as numpy arrays, and their conversion to and from Postgres
    sheet        the live rows of one table
    world        all live rows and counters: the state of the business
    seeding/     the data before the first day
    steps/       the steps of a day
    day          the steps in order
    reading      database -> world
    writing      world -> database, in bulk
    state        the row with the progress of the simulation
    run          `simulate`

The rules are in the reference's business_rules.md, with its corrections 1 to 6, 8 and 9: receipts raise the
stock of the received items only, lead times and payment terms are used, failed deliveries are repeated,
percentage deals charge the remainder.
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
