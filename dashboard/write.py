"""Write the dashboard to a file."""

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
    """The written file, its size in bytes, and the duration in seconds."""

    path: Path
    size: int
    seconds: float


def default_path(settings: Settings) -> Path:
    """Return the default path of the page."""
    return settings.home / "dashboard.html"


def write_dashboard(
    settings: Settings, catalog: Catalog, path: Path | None = None, *, now: datetime | None = None
) -> Dashboard:
    """Query the warehouse and write the page. `now`: the time to print. Raises WwiError without marts."""
    started = time.monotonic()
    target = (path or default_path(settings)).absolute()
    text = page(figures(settings), status(settings, catalog), now or datetime.now(UTC))
    target.parent.mkdir(parents=True, exist_ok=True)
    # atomic: a reader gets the old page or the new one, never a part
    part = target.with_name(f"{target.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(target)
    logger.info("dashboard written to %s", target)
    return Dashboard(target, len(text.encode()), time.monotonic() - started)
