"""What can go wrong on the way from Postgres to the warehouse: worth another try, or not."""

from metadata.errors import WwiError


class PermanentError(WwiError):
    """Trying again cannot help: the source, the settings or the data must change first."""


class TransientError(WwiError):
    """A service could not be reached or dropped the connection: the same call may well work later.

    Raised only where a second attempt cannot load anything twice.
    """


class ConcurrentWriteError(TransientError):
    """Another statement changed the same table at the same time; this one wrote nothing."""


class MissingInWarehouseError(PermanentError):
    """The warehouse has no such dataset or table."""
