"""Errors of the platform, permanent or transient."""

from metadata.errors import WwiError


class PermanentError(WwiError):
    """Retrying cannot help: the source, the settings or the data must change first."""


class TransientError(WwiError):
    """A service could not be reached or closed the connection. The same call may work later.

    Raised only where a retry cannot load anything twice.
    """


class ConcurrentWriteError(TransientError):
    """Another statement changed the same table at the same time. This statement wrote nothing."""


class MissingInWarehouseError(PermanentError):
    """The warehouse has no such dataset or table."""
