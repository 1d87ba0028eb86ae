"""The errors of the simulator."""

from metadata.errors import WwiError


class SimulationError(WwiError):
    """The simulator was asked for something that cannot be continued from what the database holds."""
