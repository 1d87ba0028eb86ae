"""Table functions follow the models: a build renews those whose model has changed since they were made."""

import logging

from config.settings import Settings
from metadata.errors import WwiError

logger = logging.getLogger(__name__)


def renew(settings: Settings) -> tuple[str, ...]:
    """Make the outdated ones again, if any was ever made, and return their names.

    What was built stays good whether or not that succeeds, so a failure is only told.
    """
    from audit.history import past  # noqa: PLC0415
    from operations.mart_definitions import definitions  # noqa: PLC0415 - only where somebody asks in SQL

    try:
        if not past.has_functions(settings):
            return ()
        made = past.renew_functions(settings, definitions(settings))
    except WwiError as error:
        logger.warning("the table functions could not be made again: %s Run `wwi functions`.", error)
        return ()
    if made:
        logger.info("models have changed: made %s again", ", ".join(made))
    return made
