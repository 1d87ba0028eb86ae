"""Options that several commands share, and the settings from the environment."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from config.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def settings() -> "Settings":
    """Return the settings from the environment and .env. Raises WwiError that names all invalid ones."""
    from config.private_files import keep_private  # noqa: PLC0415
    from config.settings import Settings  # noqa: PLC0415 - pydantic, so that help stays quick

    found = Settings()
    keep_private(found.home)
    return found
