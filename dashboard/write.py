"""Writes the page."""

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from audit.status import status
from config.settings import Settings
from dashboard.figures import figures
from dashboard.page import page
from metadata.spec import Catalog

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dashboard:
    """The file that was written, its size in bytes, and how long it took."""

    path: Path
    size: int
    seconds: float


def default_path(settings: Settings) -> Path:
    """Where the page lies unless somebody says otherwise."""
    return settings.home / "dashboard.html"


def write_dashboard(
    settings: Settings, catalog: Catalog, path: Path | None = None, *, now: datetime | None = None
) -> Dashboard:
    """Ask the warehouse and write the page, with `now` on it. Raises WwiError when there are no marts."""
    started = time.monotonic()
    target = (path or default_path(settings)).absolute()
    text = page(figures(settings), status(settings, catalog), now or datetime.now(UTC))
    target.parent.mkdir(parents=True, exist_ok=True)
    # a reader has the old page or the new one, never a part
    part = target.with_name(f"{target.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(target)
    logger.info("dashboard written to %s", target)
    return Dashboard(target, len(text.encode()), time.monotonic() - started)
