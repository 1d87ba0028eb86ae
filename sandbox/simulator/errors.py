"""The errors of the simulator."""

from metadata.errors import WwiError


class SimulationError(WwiError):
    """The requested simulation does not continue what the database contains."""
