"""Measure how long the steps of a run take."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)


@contextmanager
def timed(step: str, seconds: dict[str, float], *, of: str = "") -> Iterator[None]:
    """Log the start of the step of `of`, and store its duration in `seconds`."""
    logger.info("%s ...", f"{of}: {step}" if of else step)
    started = time.monotonic()
    yield
    seconds[step] = time.monotonic() - started
