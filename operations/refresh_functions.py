"""Refresh the table functions of models that have changed, after a build."""

import logging

from config.settings import Settings
from metadata.errors import WwiError

logger = logging.getLogger(__name__)


def refresh_outdated(settings: Settings) -> tuple[str, ...]:
    """Replace outdated table functions, if any exist, and return their names.

    A failure is only logged: it does not affect the tables that were built.
    """
    from audit.history import past  # noqa: PLC0415
    from operations.mart_definitions import definitions  # noqa: PLC0415 - only needed if table functions exist

    try:
        if not past.has_functions(settings):
            return ()
        refreshed = past.refresh_functions(settings, definitions(settings))
    except WwiError as error:
        logger.warning("the table functions could not be refreshed: %s Run `wwi functions`.", error)
        return ()
    if refreshed:
        logger.info("models have changed: refreshed %s", ", ".join(refreshed))
    return refreshed
